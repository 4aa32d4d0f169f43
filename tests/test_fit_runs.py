"""`fit_runs` and `export_runs` as a researcher uses them: tables of any kind in, the same answer out."""

import itertools
import json
import string
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flops_fit
from flops_fit import export_runs
from flops_fit.errors import FlopsFitError, SpecError, StoreError, TableError
from flops_fit.runs import RunStore, read_table


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Seven budgets of seven sizes on Epoch's Chinchilla surface, 0.3% noise."""
    E, A, B, alpha, beta = 1.8172, 482.01, 2085.43, 0.3478, 0.3658
    rng = np.random.default_rng(0)
    rows = []
    for flops, ratio in itertools.product(np.geomspace(1e17, 1e19, 7), np.geomspace(1 / 6, 6, 7)):
        best = (alpha * A / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))
        n, d = ratio * best, flops / (6 * ratio * best)
        rows.append((n, d, (E + A * n**-alpha + B * d**-beta) * np.exp(0.003 * rng.normal())))
    return pd.DataFrame(rows, columns=["N", "D", "loss"])


@pytest.fixture(scope="module")
def answer(frame):
    return flops_fit.fit_runs(frame).predict(1e19, accept_unreliable=True)


def predicted(source, flops=1e19, **options):
    return flops_fit.fit_runs(source, **options).predict(flops, accept_unreliable=True)


def test_files_frames_and_records_give_the_same_answer(frame, answer, tmp_path):
    frame.to_parquet(tmp_path / "runs.parquet")
    assert predicted(str(tmp_path / "runs.parquet")).n_params == pytest.approx(answer.n_params, rel=1e-9)
    assert predicted(read_table(frame)) == answer


def test_a_table_that_is_renamed_filtered_and_declared_answers_the_same(frame, answer):
    mixed = pd.concat(
        [frame.assign(data="c4"), frame.assign(data="wiki", loss=1.1 * frame["loss"])], ignore_index=True
    ).rename(columns={"N": "params", "D": "tokens", "loss": "val, loss"})
    result = flops_fit.fit_runs(
        mixed,
        columns={"N": "params", "D": "tokens", "loss": "val, loss"},
        where={"data": "c4"},
        n_params="total",
        flops="6ND",
        loss_unit="bits per byte",
        unit="byte",
    )
    assert result.predict(1e19, accept_unreliable=True).n_params == pytest.approx(answer.n_params, rel=1e-9)
    text = result.describe()
    assert "\nL in bits per byte." in text
    assert "| D (bytes) |" in text
    assert "Counted as: N total, C 6ND, unit of L bits per byte." in text
    assert json.loads(result.law.to_json())["conventions"]["loss_unit"] == "bits per byte"


def test_several_sets_are_not_mixed_silently(frame):
    mixed = pd.concat([frame.assign(data="c4"), frame.assign(data="wiki", loss=1.03 * frame["loss"])])
    (finding,) = [f for f in flops_fit.fit_runs(mixed).diagnostics if f.code == "several-sets"]
    assert 'where={"data": "c4"}' in finding.action


def test_a_mixture_that_nothing_fits_is_named_in_the_refusal(frame):
    mixed = pd.concat([frame.assign(data="c4"), frame.assign(data="wiki", loss=2 * frame["loss"])])
    with pytest.raises(
        FlopsFitError, match=r"""(?s)At no budget .* Column 'data' names 2 sets .* where={"data": "wiki"}"""
    ):
        flops_fit.fit_runs(mixed)


def test_an_undeclared_loss_is_never_said_to_be_in_nats(frame):
    result = flops_fit.fit_runs(frame)
    assert result.law.loss_unit == "unknown"
    assert "nats" not in result.describe() + result.law.to_json()
    assert result.plot().axes[-1].get_ylabel() == "L*, unit unknown"


def test_a_form_is_chosen_by_name(frame):
    assert flops_fit.fit_runs(frame, form="chinchilla").law.headline.name == "chinchilla"
    with pytest.raises(SpecError, match="use 'chinchilla'"):
        flops_fit.fit_runs(frame, form="chinchila")


def test_a_sweep_is_fitted_and_exported_in_every_format(frame, tmp_path):
    records = read_table(frame)
    with RunStore(tmp_path / "runs.sqlite") as store:
        for record in records:
            store.add(record)
        kept = store.read()
    for suffix in ("csv", "parquet", "jsonl"):
        assert export_runs(tmp_path, tmp_path / f"again.{suffix}") == len(records)
        assert read_table(tmp_path / f"again.{suffix}") == kept


def test_columns_of_a_sweep_or_of_records_cannot_be_chosen(frame, tmp_path):
    RunStore(tmp_path / "runs.sqlite").close()
    for source, option in [(tmp_path, {"columns": {"N": "a"}}), (read_table(frame), {"where": {"seed": 0}})]:
        with pytest.raises(TableError, match="choose from a table"):
            flops_fit.fit_runs(source, **option)


@pytest.mark.parametrize("source", [{"N": [1]}, [{"N": 1}], 3, None])
def test_what_is_no_table_is_refused(source):
    with pytest.raises(TableError, match="takes a path, a pandas DataFrame or a list of RunRecords"):
        flops_fit.fit_runs(source)


@pytest.mark.parametrize(
    ("option", "fix"),
    [
        ({"columns": "N=params,D=tok"}, 'columns={"N": "params", "D": "tok"}'),
        ({"where": "data=c4"}, 'where={"data": "c4"}'),
        ({"n_params": 3}, "n_params='total'"),
        ({"flops": 6}, "flops='6ND'"),
        ({"loss_unit": None}, 'loss_unit="nats per token"'),
        ({"unit": 3}, 'unit="token"'),
        ({"out": 3}, 'out="law"'),
    ],
)
def test_an_argument_of_a_wrong_type_is_our_own_error(frame, option, fix):
    with pytest.raises(FlopsFitError) as caught:
        flops_fit.fit_runs(frame, **option)
    assert caught.value.fix == fix


def test_pandas_is_not_needed_for_files(frame, tmp_path, monkeypatch):
    frame.to_csv(tmp_path / "runs.csv", index=False)
    frame.to_parquet(tmp_path / "runs.parquet")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert len(read_table(tmp_path / "runs.csv")) == len(read_table(tmp_path / "runs.parquet")) == len(frame)


# ---- what must not matter


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_does_not_matter(frame, answer, seed):
    assert predicted(frame.sample(frac=1, random_state=seed)) == answer


@settings(max_examples=2, deadline=None)
@given(n=st.floats(1e-6, 1e3), d=st.floats(1e-6, 1e3), loss=st.floats(0.1, 10))
def test_other_units_change_nothing_but_the_units(frame, answer, n, d, loss):
    """N in millions, D in billions, losses in bits: exponents stay, N*, D* and L* change with their units."""
    other = pd.DataFrame({"N": n * frame["N"], "D": d * frame["D"], "loss": loss * frame["loss"]})
    result = flops_fit.fit_runs(other, loss_unit="mine")
    there = result.predict(1e19 * n * d, accept_unreliable=True)
    assert there.n_params == pytest.approx(n * answer.n_params, rel=1e-4)
    assert there.n_units == pytest.approx(d * answer.n_units, rel=1e-4)
    assert there.loss == pytest.approx(loss * answer.loss, rel=1e-4)


# ---- what must not crash

cells = st.one_of(
    st.floats(),
    st.floats(1e-3, 1e12),
    st.integers(),
    st.text(string.printable, max_size=8),
    st.none(),
    st.booleans(),
    st.sampled_from(
        ["1e400", "-0", "1_000", "7B", "١٢", "0x10", "nan", "inf", " 5 ", 10**400, 2**63, 5e-324]
    ),
)
names = st.sampled_from(["N", "D", "C", "loss", "seed", "group", "status", "origin", "run_id", "note", "N "])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    header=st.lists(names, max_size=7),
    rows=st.integers(0, 4),
    data=st.data(),
    suffix=st.sampled_from(["csv", "jsonl"]),
)
def test_no_cell_raises_anything_but_our_own_errors(tmp_path_factory, header, rows, data, suffix):
    path = tmp_path_factory.mktemp("fuzz") / f"runs.{suffix}"
    table = [[data.draw(cells) for _ in header] for _ in range(rows)]
    if suffix == "csv":
        pd.DataFrame(table, columns=header).to_csv(path, index=False)
    else:
        path.write_text("\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in table))
    with pytest.raises(FlopsFitError):  # four rows determine nothing
        flops_fit.fit_runs(path)


@st.composite
def misread(draw, frame):
    """The table with a few cells that hold any float whatever."""
    broken = frame.astype(object)
    for _ in range(draw(st.integers(1, 12))):
        row, column = draw(st.integers(0, len(frame) - 1)), draw(st.sampled_from(list(frame)))
        broken.loc[row, column] = draw(st.floats(5e-324, 1.7e308) | st.sampled_from([1e-300, 1e300, 1.0]))
    return broken


def check_answer_or_refusal(table):
    try:
        result = flops_fit.fit_runs(table)
    except FlopsFitError:
        return
    top = result.predict(result.law.flops_range[1], accept_unreliable=True)
    assert np.isfinite([top.n_params, top.n_units, top.loss]).all()


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_few_absurd_floats_give_an_answer_or_our_own_error(frame, data):
    check_answer_or_refusal(data.draw(misread(frame)))


@pytest.mark.nightly
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_absurd_floats_give_an_answer_or_our_own_error(frame, data):
    check_answer_or_refusal(data.draw(misread(frame)))


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["csv", "jsonl", "json", "parquet", "txt"]))
def test_no_file_raises_anything_but_our_own_errors(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"runs.{suffix}"
    path.write_bytes(content)
    with pytest.raises(FlopsFitError):
        flops_fit.fit_runs(path)


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """Three budgets of five sizes: quickly fitted."""
    flops, ratio = np.repeat([1e17, 1e18, 1e19], 5), np.tile(np.geomspace(1 / 4, 4, 5), 3)
    n = 0.1 * flops**0.5 * ratio
    d = flops / (6 * n)
    return pd.DataFrame({"N": n, "D": d, "loss": 1.8 + 482 * n**-0.35 + 2085 * d**-0.37})


def test_load_reads_a_law_a_sweep_and_a_table(small, tmp_path):
    small.to_json(tmp_path / "runs.json", orient="records", double_precision=15)
    with RunStore(tmp_path / "sweep" / "runs.sqlite") as store:
        for record in read_table(small):
            store.add(record)
    fitted = flops_fit.load(tmp_path / "sweep")
    fitted.save(tmp_path / "sweep")
    best = fitted.law.headline.optimum(1e19).n_params.value
    for source in ("sweep", "sweep/law.json", "runs.json"):
        found = flops_fit.load(tmp_path / source)
        assert found.law.headline.optimum(1e19).n_params.value == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere.json"])
def test_load_of_nothing_is_one_clear_error(tmp_path, name):
    with pytest.raises(StoreError, match="no law to read"):
        flops_fit.load(tmp_path / name)


def test_a_layout_declares_the_unit_of_the_loss_unless_somebody_knows_better():
    d = np.geomspace(1e6, 1e9, 12)
    theirs = pd.DataFrame({"params_total": 1e6, "tokens_trained": d, "val_bpb": 2 + 100 * d**-0.3})
    for declared, unit in (("unknown", "bits per byte"), ("nats per token", "nats per token")):
        fitted = flops_fit.fit_runs(theirs, layout="nanochat", form="m1", loss_unit=declared)
        assert fitted.law.loss_unit == unit


def test_a_law_of_other_runs_is_not_kept_in_a_sweeps_directory(tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "runs.sqlite").write_text("")
    (tmp_path / "runs.csv").write_text("N,D,loss\n1e8,2e9,3.1\n")
    with pytest.raises(FlopsFitError, match="holds the runs of a sweep") as refusal:
        flops_fit.fit_runs(tmp_path / "runs.csv", out=tmp_path / "sweep")
    assert refusal.value.code == "holds-a-sweep"
    assert "sweep-law" in refusal.value.fix
