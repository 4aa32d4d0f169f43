import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import StoreError, TableError
from flops_fit.runs import RunRecord, load_table, read_table, write_table

positive = st.floats(1e-300, 1e300)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(0, 10**12)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
statuses = st.sampled_from(["completed", "diverged", "failed"])


@st.composite
def records(draw):
    status = draw(statuses)
    spent = positive if status == "completed" else st.just(0.0) | positive
    return RunRecord(
        run_id=draw(words.filter(bool)),
        budget=draw(st.none() | positive),
        size=draw(words),
        seed=draw(st.integers(-(2**63) + 1, 2**63 - 1)),
        n_params=draw(positive),
        n_params_nonembedding=draw(numbers),
        n_units=draw(spent),
        flops=draw(spent),
        flops_6nd=draw(spent),
        loss=draw(positive if status == "completed" else st.none()),
        status=status,
        reason=draw(words),
        wall_s=draw(numbers),
        origin=draw(st.sampled_from(["trained", "simulated", "imported"])),
        n_units_planned=draw(numbers),
        n_steps=draw(counts),
        batch_size=draw(counts),
        lr=draw(numbers),
        precision=draw(words),
        trunk=draw(words),
        flops_executed=draw(numbers),
        plan_id=draw(words),
        metrics=draw(st.dictionaries(words, st.floats(-1e9, 1e9), max_size=3)),
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
@given(runs=st.lists(records(), min_size=1, max_size=5, unique=True))
def test_runs_written_are_read_back_exactly(tmp_path_factory, suffix, runs):
    path = tmp_path_factory.mktemp("round-trip") / f"runs.{suffix}"
    write_table(runs, path)
    assert read_table(path) == tuple(runs)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
@given(runs=st.lists(records(), min_size=1, max_size=3, unique=True))
@settings(max_examples=10)
def test_units_go_with_the_runs(tmp_path_factory, suffix, runs):
    path = tmp_path_factory.mktemp("units") / f"runs.{suffix}"
    write_table(runs, path, units={"unit": "token", "loss_unit": "nats per token"})
    table = load_table(path)
    assert table.records == tuple(runs)
    assert (table.unit, table.loss_unit) == ("token", "nats per token")


def test_units_that_differ_between_rows_declare_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("N,D,loss,unit\n1e6,1e8,3.5,token\n2e6,1e8,3.4,image\n")
    table = load_table(tmp_path / "t.csv")
    assert table.unit == "unit"
    assert table.labels == {"unit": ("token", "image")}


def test_columns_stand_in_the_documented_order(tmp_path):
    write_table([], tmp_path / "runs.csv")
    header = (tmp_path / "runs.csv").read_text().strip().split(",")
    assert ", ".join(header[:13]) == (
        "run_id, budget, size, seed, n_params, n_params_nonembedding, n_units, "
        "flops, flops_6nd, loss, status, reason, wall_s"
    )
    assert sorted(header) == sorted(f.name for f in fields(RunRecord) if f.compare)


@pytest.fixture
def table(tmp_path):
    """Write lines as a CSV file and return its path."""

    def write(*lines: str):
        path = tmp_path / "runs.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def test_three_columns_are_enough_and_compute_is_then_6nd(table):
    (run,) = read_table(table("N,D,loss", "1e6,2e7,3.5"))
    assert (run.n_params, run.n_units, run.loss, run.flops) == (1e6, 2e7, 3.5, 1.2e14)
    assert (run.run_id, run.origin, run.budget, run.seed) == ("line 2", "imported", None, 0)


def test_compute_seed_and_budget_are_used_where_they_are_there(table):
    (run,) = read_table(table("N,D,loss,C,seed,group", "1e6,2e7,3.5,1.3e14,7,1e14"))
    assert (run.flops, run.flops_6nd, run.seed, run.budget) == (1.3e14, 1.2e14, 7, 1e14)


@pytest.mark.parametrize("name", ["budget", "group"])
def test_a_group_that_is_said_to_hold_budgets_must_hold_them(table, name):
    path = table("N,D,loss,group", "1e6,2e7,3.5,ResNet", "1e6,4e7,3.4,1e15")
    with pytest.raises(TableError, match="column 'group' must hold positive numbers; found line 2: ResNet"):
        read_table(path, columns={name: "group"})


def test_a_group_that_holds_text_names_no_budget(table):
    (first, second) = read_table(table("N,D,loss,group", "1e6,2e7,3.5,ResNet", "1e6,4e7,3.4,1e15"))
    assert (first.budget, second.budget) == (None, None)


def test_other_column_names_are_mapped(table):
    path = table("params,tokens,val_loss", "1e6,2e7,3.5")
    (run,) = read_table(path, columns={"N": "params", "n_units": "tokens", "loss": "val_loss"})
    assert (run.n_params, run.n_units, run.loss) == (1e6, 2e7, 3.5)


def test_a_byte_order_mark_blank_lines_and_capitals_do_no_harm(table):
    (run,) = read_table(table("\ufeffN_Params,D,LOSS", "", "1e6,2e7,3.5", ""))
    assert (run.n_params, run.loss) == (1e6, 3.5)


def test_c_is_the_compute_of_the_run_where_a_table_has_flops_of_something_else_too(table):
    (run,) = read_table(table("N,D,loss,C,flops", "1e6,2e7,3.5,1.3e14,4e9"))
    assert run.flops == 1.3e14


def test_small_letters_are_suggested_and_not_assumed(table):
    with pytest.raises(TableError, match=r'columns={"N": "n", "D": "d"}'):
        read_table(table("n,d,loss", "1e6,2e7,3.5"))


def test_a_simulated_table_stays_simulated(tmp_path, table):
    (run,) = read_table(table("N,D,loss", "1e6,2e7,3.5"))
    write_table([replace(run, origin="simulated")], tmp_path / "again.csv")
    assert read_table(tmp_path / "again.csv")[0].origin == "simulated"


def test_missing_columns_are_named_with_what_was_found_and_a_fix_to_paste(table):
    with pytest.raises(TableError) as caught:
        read_table(table("params,tokens,final_loss", "1e6,2e7,3.5"))
    assert str(caught.value).partition("runs.csv")[2] == (
        ": no column for N (n_params), D (n_units), loss (loss); the table has params, tokens, final_loss.\n"
        '  fix: columns={"N": "params", "D": "tokens", "loss": "final_loss"}\n'
        "  see: flops-fit explain missing-column"
    )


def test_every_problem_of_a_table_is_in_one_error_with_its_lines(table):
    path = table("N,D,loss,seed", "1e6,2e7,0,0", "-1,2e7,3.5,x", "1e6,2e7", "1e6,2e7,oops,0", "1e6,0,3,1")
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert caught.value.problem.splitlines()[1:] == [
        "  1. the header has 4 cells, but line 4 has 2",
        "  2. column 'N' must hold positive numbers; found line 3: -1",
        "  3. column 'D' must hold positive numbers; found line 6: 0",
        "  4. column 'loss' must hold positive numbers; found line 2: 0, line 5: oops",
        "  5. column 'seed' must hold whole numbers below 2^63; found line 3: x",
    ]


def test_many_bad_lines_are_counted_not_listed(table):
    with pytest.raises(TableError, match=r"line 6: x and 5 more\."):
        read_table(table("N,D,loss", *["x,1,1"] * 10))


def test_numbers_with_decimal_commas_are_named(table):
    with pytest.raises(
        TableError, match="column 'loss' must hold positive numbers; found line 2: 3,5"
    ) as caught:
        read_table(table("N;D;loss", "1e6;2e7;3,5"))
    assert caught.value.fix == "save the table with decimal points, 5.25 instead of 5,25"


def test_counts_with_separators_of_thousands_are_named(table):
    with pytest.raises(TableError) as caught:
        read_table(table("N,D,loss", '"22,821,773","1,000",3.5'))
    told = "save the table without separators of thousands, "
    assert caught.value.fix.splitlines()[0] == f"{told}22821773 instead of 22,821,773"


def test_a_column_that_is_not_there_gives_way_to_the_one_taken_unasked(table):
    with pytest.raises(
        TableError, match="N is said to be 'params', but the table has source, N, D"
    ) as caught:
        read_table(table("source,N,D,loss", "a,1e6,2e7,3.5"), columns={"N": "params"})
    assert caught.value.fix == 'columns={"N": "N"}'


@pytest.mark.parametrize(
    ("columns", "message", "fix"),
    [
        (
            {"N": "parms"},
            "N is said to be 'parms', but the table has params, tokens, loss",
            'columns={"N": "params"',
        ),
        ({"M": "params"}, "columns: 'M' is none of", "leave out M=params"),
        ({"n_param": "params"}, "columns: 'n_param' is none of", 'columns={"n_params": "params"}'),
    ],
)
def test_a_wrong_mapping_is_put_right(table, columns, message, fix):
    with pytest.raises(TableError, match=message) as caught:
        read_table(table("params,tokens,loss", "1e6,2e7,3.5"), columns=columns)
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"params": "N", "tok": "D", "val/loss": "loss"}, "params=N, tok=D, val/loss=loss"),
        ({"params": "n_params", "D": "tok", "val/loss": "loss"}, "params=n_params, val/loss=loss"),
    ],
)
def test_a_mapping_the_wrong_way_round_is_one_problem(table, columns, problem):
    with pytest.raises(TableError) as caught:
        read_table(table("params,tok,val/loss", "1e6,2e7,3.5"), columns=columns)
    assert caught.value.problem.partition("runs.csv")[2] == (
        f": columns: written the wrong way round: {problem}; "
        "our name comes first, then the column of the table."
    )
    assert caught.value.code == "bad-columns"
    pasted = json.loads(caught.value.fix.removeprefix("columns="))
    assert read_table(table("params,tok,val/loss", "1e6,2e7,3.5"), columns=pasted)[0].loss == 3.5


def test_pairs_that_cannot_be_turned_are_none_of_our_names(table):
    with pytest.raises(TableError, match="'params' is none of"):
        read_table(table("params,tok,loss", "1e6,2e7,3.5"), columns={"params": "N", "tok": "N"})


def test_the_only_column_left_is_named(table):
    with pytest.raises(TableError) as caught:
        read_table(table("N,D,loss,planned", "1e6,2e7,3.5,7"), columns={"budget": "plan of mine"})
    assert caught.value.fix == 'columns={"budget": "planned"}'


def test_what_no_column_is_left_for_is_left_out(table):
    with pytest.raises(TableError, match="leave out budget: no column is left for it"):
        read_table(table("N,D,loss", "1e6,2e7,3.5"), columns={"budget": "plan"})


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        (("N,D,loss", "1e6,2e7,3.5", "2e6,,3.4"), "fill them in, or delete those rows"),
        (
            ("N,D,loss,ended", "1e6,2e7,3.5,well", "2e6,,3.4,badly", "3e6,2e7,3.4,well"),
            'leave those rows out with where={"ended": "well"}',
        ),
        (
            ("N,D,loss,ended", "1e6,2e7,3.5,well", "2e6,,3.4,badly", "3e6,2e7,3.4,late"),
            "fill them in, or delete those rows",
        ),
        (("N,D,loss", "1e6,2e7,3.5", "2e6,2e7,oops"), "correct those rows, or delete them"),
        (
            ("N,D,loss,ended", "1e6,2e7,3.5,well", "2e6,2e7,oops,badly"),
            'correct those rows, or leave them out with where={"ended": "well"}',
        ),
    ],
)
def test_what_is_said_of_bad_cells_helps_with_them(table, lines, fix):
    with pytest.raises(TableError) as caught:
        read_table(table(*lines))
    assert caught.value.fix == fix


def test_a_status_that_only_failed_runs_have_lets_them_be_without_a_loss(table):
    runs = read_table(table("N,D,loss,status", "1e6,2e7,3.5,", "2e6,2e7,nan,failed"))
    assert [run.status for run in runs] == ["completed", "failed"]


def test_a_diverged_run_needs_no_loss_but_a_completed_one_does(table):
    assert read_table(table("N,D,loss,status", "1e6,2e7,,diverged"))[0].loss is None
    with pytest.raises(TableError, match="line 2: nothing"):
        read_table(table("N,D,loss,status", "1e6,2e7,,completed"))


def test_metrics_that_are_no_numbers_are_named(table):
    path = table("N,D,loss,metrics", '1e6,2e7,3.0,"{""accuracy"": ""good""}"')
    with pytest.raises(TableError, match=r'metrics.* JSON objects of numbers, e\.g\. {"accuracy": 0\.5}'):
        read_table(path)


def test_files_that_are_no_tables_are_refused(tmp_path, table):
    with pytest.raises(TableError, match=r"nowhere\.csv cannot be read: No such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(TableError, match="cannot be read: Is a directory"):
        read_table(tmp_path)
    with pytest.raises(TableError, match="it is empty"):
        read_table(table(""))
    with pytest.raises(TableError, match="a header but no rows"):
        read_table(table("N,D,loss"))
    (tmp_path / "runs.parquet").write_bytes(b"PAR1\xff\xfe\x00")
    with pytest.raises(TableError, match="no Parquet file that pyarrow can read"):
        read_table(tmp_path / "runs.parquet")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_file_whose_header_has_another_separator_is_read_by_it(table, mark):
    (run,) = read_table(table(mark.join(("N", "D", "loss")), mark.join(("1e6", "2e7", "3.5"))))
    assert (run.n_params, run.n_units, run.loss) == (1e6, 2e7, 3.5)


@pytest.mark.parametrize("row", ["1e6;2e7;3,5", "1e6;2.000.000;3.5"])
def test_numbers_that_are_written_otherwise_are_not_guessed(table, row):
    with pytest.raises(TableError, match=r"3,5|2\.000\.000"):
        read_table(table("N;D;loss", row))


def test_a_separator_that_could_be_another_is_no_separator(table):
    with pytest.raises(TableError):
        read_table(table("N;D\tloss", "1e6;2e7\t3.5"))


def test_a_table_that_does_not_exist_names_the_file_that_was_meant(table, tmp_path):
    path = table("N,D,loss", "1e6,2e7,3.5")
    with pytest.raises(TableError) as caught:
        read_table(path.with_name(path.name.replace(".csv", "s.csv")))
    assert f"use {path}" in str(caught.value)


def test_a_column_that_the_header_has_twice_is_refused_if_it_would_be_used(table):
    with pytest.raises(TableError, match=r"column 'N' 2 times"):
        read_table(table("N,N,D,loss", "1e6,3e6,2e7,3.5"))
    assert read_table(table("note,note,N,D,loss", "a,b,1e6,2e7,3.5"))[0].n_params == 1e6


def test_a_table_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(TableError, match=r"'\.xlsx' is no format of a table"):
        write_table([], tmp_path / "runs.xlsx")
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        write_table([], tmp_path / "nowhere" / "runs.csv")


@pytest.mark.parametrize(
    ("header", "cell", "code", "times"),
    [
        ("D_unique", "1e5", "many-epochs", "200 times"),
        ("n_epochs", "300", "many-epochs", "300 times"),
        ("epochs", "2", "repeated-data", "2 times"),
    ],
)
def test_a_column_that_tells_of_repeated_data_becomes_a_finding(table, header, cell, code, times):
    path = table(f"N,D,loss,{header}", f"1e6,2e7,3.5,{cell}", "1e6,1,3.9,1", "1e6,1,3.8,")
    (finding,) = (found for found in load_table(path).findings if "odd" not in found.code)
    assert finding.code == code
    assert f"1 of 3 runs saw their data {times}" in finding.message


def test_data_seen_once_are_nothing_to_speak_of(table):
    assert load_table(table("N,D,loss,epoch", "1e6,2e7,3.5,0.9")).findings == ()


def strange(tmp_path, text, **options):
    (tmp_path / "t.csv").write_text(text)
    found = load_table(tmp_path / "t.csv", **options).findings
    return {finding.code: finding for finding in found}


def test_columns_that_sound_swapped_are_told_with_the_mapping(tmp_path):
    text = "model/params,train_tokens,val_loss\n1e8,2e9,3.1\n2e8,4e9,2.9\n"
    right = {"N": "model/params", "D": "train_tokens", "loss": "val_loss"}
    wrong = right | {"N": "train_tokens", "D": "model/params"}
    assert "swapped-columns" not in strange(tmp_path, text, columns=right)
    found = strange(tmp_path, text, columns=wrong)["swapped-columns"]
    assert 'columns={"N": "model/params", "D": "train_tokens"}' in found.action


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("N,D,loss\n1e8,2e9,3.1\n", set()),
        ("N,D,loss\n100,2e9,3.1\n", {"odd-ratio"}),
        ("N,D,loss\n2.8,56,3.1\n", {"odd-sizes"}),
        ("N,D,loss\n1e9,20,3.1\n", {"odd-ratio", "odd-sizes"}),
        ("N,D,loss\n1e8,2e9,3970\n", {"large-losses"}),
        ("N,D,loss\n1e8,2e9,18.2\n", {"large-losses"}),
        ("N,D,loss\n1e8,2e9,3.1\n1e8,2e9,3.1\n", {"copied-rows"}),
        ("N,D,seed,loss\n1e8,2e9,0,3.1\n1e8,2e9,1,3.1\n", set()),
    ],
)
def test_numbers_that_hardly_mean_what_they_are_taken_for_are_told(tmp_path, text, codes):
    assert set(strange(tmp_path, text)) & {"odd-ratio", "odd-sizes", "large-losses", "copied-rows"} == codes


@pytest.mark.parametrize("status", ["failed", "diverged"])
@pytest.mark.parametrize("loss", ["inf", "-inf", "Infinity", "diverged", "nan", "", "-1", "3.2"])
def test_the_loss_of_a_failed_run_may_be_anything_and_is_not_used(table, status, loss):
    (run,) = read_table(table("N,D,loss,status", f"1e6,2e7,{loss},{status}"))
    assert (run.status, run.loss) == (status, None)


@pytest.mark.parametrize("loss", ["inf", "-inf", "infinity"])
@pytest.mark.parametrize(
    ("header", "end"), [("N,D,loss", ""), ("N,D,loss,status", ","), ("N,D,loss,status", ",completed")]
)
def test_an_infinite_loss_is_that_of_a_diverged_run(table, loss, header, end):
    (run,) = read_table(table(header, f"1e6,2e7,{loss}{end}"))
    assert (run.status, run.reason, run.loss) == ("diverged", f"its loss is {loss}", None)


@pytest.mark.parametrize("header", ["N,D,loss", "N,D,loss,status"])
@pytest.mark.parametrize(
    ("loss", "status"),
    [
        ("", "failed"),
        ("nan", "failed"),
        ("N/A", "failed"),
        ("-", "failed"),
        ("OOM", "failed"),
        ("Diverged", "diverged"),
    ],
)
def test_the_run_of_a_row_without_a_loss_did_not_end_well(table, header, loss, status):
    end = "," if header.endswith("status") else ""
    run = read_table(table(header, f"1e6,2e7,3.5{end}", f"4e6,,{loss}{end}"))[-1]
    assert (run.status, run.reason, run.loss) == (status, "no loss given", None)


def test_counts_may_end_in_a_scale_and_losses_may_not(table):
    (run,) = read_table(table("N,D,C,budget,loss", "350k,6.8B,1.2T,1 G,3.5"))
    assert (run.n_params, run.n_units, run.flops, run.budget) == (350e3, 6.8e9, 1.2e12, 1e9)
    with pytest.raises(TableError, match="column 'loss' must hold positive numbers; found line 2: 3K"):
        read_table(table("N,D,loss", "70M,1B,3K"))


@pytest.mark.parametrize("cell", ["B", "-1B", "0M", "1Q", "7e400K"])
def test_other_ends_of_counts_are_refused(table, cell):
    with pytest.raises(TableError, match="column 'N' must hold positive numbers"):
        read_table(table("N,D,loss", f"{cell},2e7,3.5"))


def test_a_group_of_sizes_names_no_budgets(table):
    assert read_table(table("N,D,loss,group", "1e9,2e7,3.5,1B"))[0].budget is None
