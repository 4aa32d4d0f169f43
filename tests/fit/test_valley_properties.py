"""What must hold for the valley whatever the runs are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import FitError
from flops_fit.fit.points import points_of
from flops_fit.fit.valley_law import fit_valley_law
from flops_fit.runs import RunRecord

AHEAD = 1e20


def run_of(i, n_params, n_units, flops, loss, budget):
    return RunRecord(
        run_id=f"run {i:03}",
        budget=budget,
        size="",
        seed=0,
        n_params=n_params,
        n_params_nonembedding=None,
        n_units=n_units,
        flops=flops,
        flops_6nd=flops,
        loss=loss,
    )


def answers(law, flops=AHEAD):
    """Every number that the law gives, on scales where errors are relative."""
    optimum = law.optimum(flops)
    ends = [(e.value, e.interval.low, e.interval.high) for e in (optimum.n_params, optimum.loss)]
    exponents = [law.exponent_at_top, law.exponent_whole_range, law.loss_slope_at_top]
    return np.array(
        [*np.log(ends).ravel(), *(x for e in exponents for x in (e.value, e.interval.low, e.interval.high))]
    )


def fitted(runs):
    return answers(fit_valley_law(points_of(runs)))


@pytest.fixture(scope="module")
def noisy(chinchilla_runs):
    return chinchilla_runs(noise=0.005, n_sizes=6, budgets=np.geomspace(1e17, 1e19, 5))


@pytest.fixture(scope="module")
def known(noisy):
    return fitted(noisy)


@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(30)))
def test_the_order_of_the_rows_changes_nothing(noisy, known, order):
    assert fitted([noisy[i] for i in order]) == pytest.approx(known, abs=1e-9)


@settings(max_examples=3, deadline=None)
@given(of_n=st.floats(1e-6, 1e6), of_d=st.floats(1e-6, 1e6))
def test_units_of_n_and_d_leave_exponents_and_the_optimum_where_they_are(noisy, known, of_n, of_d):
    rescaled = [replace(r, n_params=r.n_params * of_n, n_units=r.n_units * of_d) for r in noisy]
    moved = np.zeros_like(known)
    moved[:3] = np.log(of_n)
    assert fitted(rescaled) == pytest.approx(known + moved, abs=1e-6)


@settings(max_examples=3, deadline=None)
@given(of_loss=st.floats(1e-6, 1e6))
def test_the_unit_of_the_loss_scales_the_loss_alone(noisy, known, of_loss):
    moved = np.zeros_like(known)
    moved[3:6] = np.log(of_loss)
    assert fitted([replace(r, loss=r.loss * of_loss) for r in noisy]) == pytest.approx(
        known + moved, abs=1e-6
    )


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_of_every_row_change_nothing(noisy, known, copies):
    rows = [replace(r, run_id=f"{r.run_id} copy {i}") for r in noisy for i in range(copies)]
    assert fitted(rows) == pytest.approx(known, abs=1e-6)


positive = st.floats(1e-29, 1e59)
tables = st.lists(
    st.tuples(positive, positive, positive, positive, st.sampled_from([1e3, 1e10, 1e11, 1e50])), max_size=24
)


@settings(max_examples=40, deadline=None)
@given(rows=tables)
def test_no_numbers_raise_anything_but_a_fit_error(rows):
    runs = [run_of(i, *row) for i, row in enumerate(rows)]
    try:
        law = fit_valley_law(points_of(runs))
    except FitError:
        return
    for flops in (*law.flops_range, 10 * law.flops_range[1]):
        assert np.isfinite(answers(law, flops)).all()


odd = st.fixed_dictionaries(
    {
        "n_budgets": st.integers(3, 6),
        "span": st.sampled_from([1e-2, 3.0, 40.0]),
        "step": st.sampled_from([1e-5, 0.3, 5.0]),
        "curvature": st.sampled_from([0.0, 0.03, -0.03, 3.0]),
        "noise": st.sampled_from([0.0, 1e-3, 1.0, 20.0]),
        "scale": st.sampled_from([1e-25, 1.0, 1e25]),
        "seed": st.integers(0, 9),
    }
)


@settings(max_examples=15, deadline=None)
@given(table=odd)
def test_sweeps_out_of_all_proportion_raise_nothing_but_a_fit_error(table):
    rng = np.random.default_rng(table["seed"])
    runs = []
    for log_flops in np.linspace(0, table["span"], table["n_budgets"]):
        for z in table["step"] * np.arange(-2, 3):
            log_loss = table["curvature"] * z**2 - 0.06 * log_flops + table["noise"] * rng.normal()
            n, flops, loss = np.exp([z + log_flops / 2, 30 + log_flops, np.clip(log_loss, -60, 60)])
            runs.append(run_of(len(runs), n, flops / 6 / n, flops, loss * table["scale"], flops))
    try:
        law = fit_valley_law(points_of(runs))
    except FitError:
        return
    for flops in (*law.flops_range, 10 * law.flops_range[1]):
        assert np.isfinite(answers(law, flops)).all()
