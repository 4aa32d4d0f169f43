"""Tables that are read and hardly hold what they seem to."""

import pytest

from flops_fit.runs import load_table
from flops_fit.runs.markers import scale_of, sounds_like_perplexity


@pytest.fixture
def strange(tmp_path):
    """Write a table and return its findings by their codes."""

    def read(text, **options):
        (tmp_path / "t.csv").write_text(text)
        return {finding.code: finding for finding in load_table(tmp_path / "t.csv", **options).findings}

    return read


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("model_size_M", "millions"),
        ("params (M)", "millions"),
        ("N [M]", "millions"),
        ("size_in_Millions", "millions"),
        ("train_tokens_B", "billions"),
        ("tokens (in B)", "billions"),
        ("tokens_bn", "billions"),
        ("D_T", "trillions"),
        ("tokens_k", "thousands"),
    ],
)
def test_names_that_end_in_a_scale_are_known(name, word):
    assert scale_of(name).word == word


@pytest.mark.parametrize(
    "name", ["N", "D", "C", "M", "B", "params", "model_b", "size_m", "tokensB", "model/M", "n_items", "LLM"]
)
def test_other_names_have_no_scale(name):
    assert scale_of(name) is None


IN_MILLIONS = "model_size_M,train_tokens_B,val_ppl\n175,5,20\n350,10,15\n70,3,30\n"
NAMED = {"N": "model_size_M", "D": "train_tokens_B", "loss": "val_ppl"}
FACTORS = {"N": "model_size_M*1e6", "D": "train_tokens_B*1e9"}


def test_numbers_in_the_scale_of_their_column_are_told_with_what_to_multiply(strange):
    findings = strange(IN_MILLIONS, columns=NAMED)
    assert set(findings) == {"odd-sizes", "large-losses"}
    found = findings["odd-sizes"]
    assert found.severity == "error"
    assert found.message == (
        "N is 175 in the middle run, and its column 'model_size_M' sounds like millions. "
        "D is 5 in the middle run, and its column 'train_tokens_B' sounds like billions."
    )
    assert found.action == (
        "give N in parameters and D in single tokens or samples: "
        'columns={"N": "model_size_M*1e6", "D": "train_tokens_B*1e9", "loss": "val_ppl"}'
    )
    assert set(strange(IN_MILLIONS, columns=NAMED | FACTORS)) == {"large-losses"}


def test_large_numbers_are_in_no_scale(strange):
    assert not strange("params_M,D,loss\n1.75e8,5e9,3.1\n", columns={"N": "params_M"})
    assert not strange("params (M),D,loss\n175M,5B,3.1\n", columns={"N": "params (M)"})


def test_few_units_of_data_are_odd(strange):
    found = strange("N,D,loss\n300,300,3.1\n")["odd-sizes"]
    assert (found.value, found.threshold) == (300, 1000)
    assert found.action == "give N in parameters and D in single tokens or samples"


@pytest.mark.parametrize("name", ["val_ppl", "eval/PPL", "perplexity", "ppl (test)", "logs/ppl"])
def test_perplexities_are_known_by_their_names(name):
    assert sounds_like_perplexity(name)


@pytest.mark.parametrize(
    "name", ["loss", "log_ppl", "logppl", "val_ln_perplexity", "supplied", "applied_loss"]
)
def test_other_losses_are_no_perplexities(name):
    assert not sounds_like_perplexity(name)


def test_a_column_called_like_a_perplexity_is_a_warning_whatever_it_holds(strange):
    found = strange("N,D,val_ppl\n1e8,2e9,3.1\n", columns={"loss": "val_ppl"})["large-losses"]
    assert found.severity == "warning"
    assert "logarithm" in found.action
    assert strange("N,D,loss\n1e8,2e9,50\n")["large-losses"].severity == "info"


def test_columns_that_may_be_swapped_are_told_mildly(strange):
    found = strange("N,D,loss\n1e9,3.4e7,3.1\n")["odd-ratio"]
    assert (found.severity, found.threshold) == ("info", 0.1)
    assert 'columns={"N": "D", "D": "N"}' in found.action
    assert "odd-ratio" not in strange("N,D,loss\n1e9,3.4e8,3.1\n")


# ---- rows that repeat


def test_rows_equal_in_every_cell_are_used_once(tmp_path):
    rows = "1e8,2e9,3.1,a\n2e8,2e9,3.0,b\n"
    (tmp_path / "t.csv").write_text(f"N,D,loss,note\n{rows}{rows}")
    table = load_table(tmp_path / "t.csv")
    assert [run.run_id for run in table.records] == ["line 2", "line 3"]
    assert table.labels == {"note": ("a", "b")}
    (found,) = (finding for finding in table.findings if finding.code == "copied-rows")
    assert found.severity == "info"
    assert found.message == "2 of 4 rows repeat another row in every cell; each is used once."


def test_rows_that_differ_elsewhere_are_kept_and_told(strange, tmp_path):
    found = strange("N,D,loss,note\n1e8,2e9,3.1,a\n1e8,2e9,3.1,b\n1e8,2e9,3.1,b\n")["copied-rows"]
    assert found.message == (
        "1 of 3 rows repeats another row in every cell; each is used once. "
        "1 of 2 rows repeats another row, to the last digit of its loss."
    )
    assert found.value == 2
    assert len(load_table(tmp_path / "t.csv").records) == 2


PARTS = "params_lm_head,params_total,D,loss\n1e6,5e6,2e7,3.5\n2e6,8e6,4e7,3.3\n4e6,1e7,8e7,3.1\n"


def test_sizes_of_one_part_of_the_models_are_told_from_whole_ones(strange):
    found = strange(PARTS, columns={"N": "params_lm_head"})["part-of-model"]
    assert found.message == (
        "N is read from column 'params_lm_head', which sounds like one part of each model only."
    )
    assert found.action == 'if so, say columns={"N": "params_total"}'
    assert "part-of-model" not in strange(PARTS, columns={"N": "params_total"})


def test_without_a_total_the_columns_to_sum_are_named(strange):
    found = strange(PARTS.replace("total", "wte"), columns={"N": "params_lm_head"})["part-of-model"]
    assert found.action == (
        "if so, add a column with the parameters of whole models; the table has params_wte"
    )


def test_a_name_alone_does_not_make_a_part(strange):
    text = PARTS.replace("params_lm_head", "transformer_params").replace("params_total", "depth")
    assert "part-of-model" not in strange(text, columns={"N": "transformer_params"})


def test_sizes_in_millions_are_told_by_the_ratio_where_the_name_says_nothing(strange):
    table = "params,tokens,loss\n175,5e9,3.1\n350,1e10,3.0\n70,3e9,3.4\n"
    named = {"N": "params", "D": "tokens"}
    found = strange(table, columns=named)["odd-ratio"]
    assert found.severity == "warning"
    assert found.message == "D is 2.86e+07 times N in the middle run, as hardly any model is trained."
    assert 'if N is in millions, say columns={"N": "params*1e6", "D": "tokens"}' in found.action
    assert "odd-ratio" not in strange(table, columns=named | {"N": "params*1e6"})


def test_steps_in_the_place_of_data_are_no_odd_ratio_as_well(strange):
    assert set(strange("N,_step,loss\n1e9,1000,3.1\n", columns={"D": "_step"})) == {"steps-as-data"}
