"""What no surface may depend on, and what may never be raised."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flops_fit.errors import FlopsFitError
from flops_fit.fit import Chinchilla
from flops_fit.fit.forms import Gadre
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import refine, refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over
from flops_fit.runs import RunRecord

anything = st.floats(allow_nan=True, allow_infinity=True)
plausible = st.floats(1e-3, 1e30)
seeds = st.integers(0, 999)


def record(i, n, d, flops, loss):
    return RunRecord(
        run_id=f"{i}",
        budget=None,
        size="",
        seed=0,
        n_params=n,
        n_params_nonembedding=None,
        n_units=d,
        flops=flops,
        flops_6nd=flops,
        loss=loss,
    )


def answered_or_refused(rows, form):
    try:
        law = fit_surface(points_of([record(i, *row) for i, row in enumerate(rows)]), form, n_draws=20)
        law.optimum(law.flops_range[1])
        law.loss_at(1e8, 1e10)
    except FlopsFitError as refusal:
        return refusal
    return law.exponent_at_top


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=12))
def test_no_floats_raise_anything_but_our_own_errors(rows):
    assert answered_or_refused(rows, Chinchilla()) is not None


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(rows=st.lists(st.tuples(plausible, plausible, plausible, plausible), min_size=1, max_size=24))
def test_no_positive_floats_raise_anything_but_our_own_errors(rows):
    assert answered_or_refused(rows, Gadre()) is not None
    assert answered_or_refused(rows, Chinchilla(space="linear")) is not None


@settings(max_examples=3, deadline=None)
@given(seed=seeds)
def test_the_order_of_rows_changes_nothing(chinchilla_runs, seed):
    """Acceptance test H."""
    runs = list(chinchilla_runs(noise=0.005, seed=seed))
    order = np.random.default_rng(seed).permutation(len(runs))
    plain, permuted = (
        fit_surface(points_of(table), Chinchilla(), n_draws=30) for table in (runs, [runs[i] for i in order])
    )
    assert (plain.theta == permuted.theta).all()
    assert (plain.draws == permuted.draws).all()
    assert plain.inflation == permuted.inflation


@settings(max_examples=4, deadline=None)
@given(seed=seeds)
def test_every_run_twice_at_half_its_weight_is_the_same_table(chinchilla_runs, seed):
    """Acceptance test H."""
    runs = chinchilla_runs(noise=0.005, seed=seed)
    once = points_of(runs)
    twice = points_of([*runs, *(replace(r, run_id=f"{r.run_id} again") for r in runs)])
    surface, doubled = (laid_over(points, Chinchilla()) for points in (once, twice))
    fit = refine_robustly(surface, np.log(once.loss), start(surface, once.loss))
    halves = np.full((1, len(twice)), 0.5)
    found = refine(
        doubled, np.log(twice.loss), fit.work[None] + 1e-3, counts=halves, loss=fit.loss, steps=200
    )
    assert doubled.theta(found.work)[0] == pytest.approx(surface.theta(fit.work), rel=1e-5)


@settings(max_examples=4, deadline=None)
@given(n_unit=st.floats(1e-3, 1e9), d_unit=st.floats(1e-3, 1e9), seed=seeds)
def test_units_move_no_exponent_and_the_optimum_by_their_ratio_only(chinchilla_runs, n_unit, d_unit, seed):
    runs = chinchilla_runs(noise=0.004, seed=seed)
    scaled = [
        replace(r, n_params=r.n_params / n_unit, n_units=r.n_units / d_unit, flops=r.flops / n_unit / d_unit)
        for r in runs
    ]
    plain, other = (fit_surface(points_of(table), Chinchilla(), n_draws=30) for table in (runs, scaled))
    assert other.theta[3:] == pytest.approx(plain.theta[3:], rel=1e-4)
    ours, theirs = plain.optimum(1e20).n_params, other.optimum(1e20 / n_unit / d_unit).n_params
    assert theirs.value * n_unit == pytest.approx(ours.value, rel=1e-4)
    assert theirs.interval.high * n_unit == pytest.approx(ours.interval.high, rel=0.02)
