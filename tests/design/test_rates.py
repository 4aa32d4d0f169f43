"""The search for a learning rate finds the bottom of any valley, from any start within reach."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.design import plan_sweep
from flops_fit.design.rate_findings import tuning_ahead
from flops_fit.design.rates import (
    FARTHEST,
    OCTAVE,
    Valley,
    at_rate,
    exponent_of,
    next_in_check,
    next_in_search,
    tuning_cells,
    valley_of,
)


@pytest.fixture(scope="module")
def plan(make_spec, make_probe):
    return plan_sweep(make_spec(seeds=(3, 4)), make_probe())


def losses_of(loss, next_rates, farthest=FARTHEST):
    """Try the rates that `next_rates` asks for, in octaves."""
    tried = {}
    while ahead := [k for k in next_rates(tried) if abs(k) <= farthest]:
        tried |= {k: loss(k / OCTAVE) for k in ahead}
    return tried


@settings(max_examples=60, deadline=None)
@given(best=st.floats(-6.4, 6.4), curvature=st.floats(0.001, 0.2), diverges=st.floats(0.6, 5.0))
def test_the_search_ends_at_the_bottom(plan, best, curvature, diverges):
    """Also where training diverges not far above the best rate."""

    def loss(octaves):
        return math.inf if octaves > best + diverges else 2.0 * math.exp(curvature * (octaves - best) ** 2)

    tried = losses_of(loss, next_in_search)
    valley = valley_of(plan.runs[0], tried)
    assert not valley.at_edge
    assert valley.octaves == pytest.approx(best, abs=1e-6 if diverges > 1.5 else 0.5)
    assert len(tried) <= 8 + abs(best)


def test_a_start_that_is_right_costs_seven_trials():
    assert sorted(losses_of(lambda octaves: 1 + octaves**2, next_in_search)) == [-4, -2, -1, 0, 1, 2, 4]


def test_a_second_bottom_at_rates_that_are_too_high_is_left(plan):
    """Seen with tiny networks, whose loss rises to a bump and falls once more before training diverges."""
    tried = losses_of(lambda x: min(1 + 0.05 * (x + 2.5) ** 2, 1.1 + 0.5 * x**2), next_in_search)
    assert valley_of(plan.runs[0], tried).octaves == pytest.approx(-2.5, abs=0.1)


@pytest.mark.parametrize("slope", [0.1, -0.1])
def test_a_loss_without_a_bottom_ends_at_an_edge(plan, slope):
    tried = losses_of(lambda octaves: math.exp(slope * octaves), next_in_search)
    assert valley_of(plan.runs[0], tried).at_edge
    assert max(map(abs, tried)) == FARTHEST


def test_a_start_at_which_everything_diverges_is_left_downwards(plan):
    tried = losses_of(lambda octaves: math.inf if octaves > -4 else 3 + (octaves + 5) ** 2, next_in_search)
    assert valley_of(plan.runs[0], tried).octaves == pytest.approx(-5, abs=0.3)


def test_what_always_diverges_has_no_best_rate(plan):
    tried = losses_of(lambda _: math.inf, next_in_check, farthest=6)
    valley = valley_of(plan.runs[0], tried)
    assert (valley.at_edge, valley.ln_loss) == (True, math.inf)


def test_a_check_takes_three_trials_and_finds_the_parabola(plan):
    tried = losses_of(lambda octaves: math.exp(0.5 + 0.02 * (octaves - 0.3) ** 2), next_in_check)
    valley = valley_of(plan.runs[0], tried)
    assert sorted(tried) == [-2, 0, 2]
    assert (valley.octaves, valley.curvature, valley.ln_loss) == pytest.approx((0.3, 0.02, 0.5))
    assert valley.ln_loss_at(1.3) == pytest.approx(0.52)
    assert valley.seen_from(0.25).ln_loss_at(1.05) == pytest.approx(0.52)


@settings(max_examples=30, deadline=None)
@given(exponent=st.floats(-1.0, 1.0), offset=st.floats(-1.0, 1.0), seen=st.floats(0.01, 0.2))
def test_the_power_of_n_that_best_rates_follow_is_recovered(plan, exponent, offset, seen):
    """A valley that does not bend says nothing."""
    cells = tuning_cells(plan)

    def valley(run, octaves=None, curvature=seen):
        rise = exponent * math.log2(run.size.n_params / cells.middle.size.n_params)
        return Valley(
            run=run,
            octaves=offset + rise if octaves is None else octaves,
            curvature=curvature,
            ln_loss=1.0,
            at_edge=False,
        )

    flat = valley(cells.others[0], octaves=9.0, curvature=0.0)
    found = exponent_of(valley(cells.middle), [*map(valley, cells.others), flat])
    assert found == pytest.approx(exponent, abs=0.0051)
    assert exponent_of(valley(cells.middle), [flat]) == 0.0


def test_cells_are_of_one_seed_and_the_cheapest_budget_and_one_is_as_large_as_is_affordable(plan):
    cells = tuning_cells(plan)
    cheapest = {run.size.n_params for run in plan.runs if run.budget == plan.runs[0].budget}
    smallest, largest, beyond = cells.others
    assert {run.seed for run in (cells.middle, *cells.others)} == {3}
    assert [run.size.n_params for run in (smallest, largest)] == [min(cheapest), max(cheapest)]
    assert smallest.size.n_params < cells.middle.size.n_params < largest.size.n_params
    assert beyond.size.n_params > largest.size.n_params
    assert 3 * beyond.flops <= 0.1 * plan.flops_executed
    larger = [run for run in plan.runs if run.size.n_params > beyond.size.n_params]
    assert all(3 * run.flops > 0.1 * plan.flops_executed for run in larger)


def test_a_trial_is_the_run_of_the_sweep_but_for_its_rate(plan, make_spec):
    spec, run = make_spec(seeds=(3, 4)), plan.runs[0]
    assert at_rate(run, run.lr, spec).run_id == run.run_id
    assert at_rate(run, 2 * run.lr, spec).run_id != run.run_id
    assert at_rate(run, 2 * run.lr, spec).n_steps == run.n_steps


def test_a_plan_says_what_tuning_will_cost(make_spec, make_probe):
    spec = make_spec(training={"lr": "auto"})
    plan = plan_sweep(spec, make_probe())
    (finding,) = [finding for finding in plan.findings if finding.code == "rate-to-be-tuned"]
    assert finding.value == pytest.approx(tuning_cells(plan).flops / plan.flops_executed)
    assert "about 16 runs" in finding.message
    assert {run.lr for run in plan.runs} == {spec.model.default_lr}


@pytest.mark.parametrize("lr", [None, 0.25])
def test_a_rate_that_is_known_is_not_tuned(make_spec, make_probe, lr):
    spec = make_spec(training={"lr": lr})
    plan = plan_sweep(spec, make_probe())
    assert tuning_ahead(plan, spec) == ()
    assert {run.lr for run in plan.runs} == {lr or spec.model.default_lr}


def test_a_rate_may_follow_a_power_of_the_size(make_spec, make_probe):
    spec = make_spec(training={"lr": 0.25, "lr_scaling": {"at": 1e6, "exponent": -0.5}})
    for run in plan_sweep(spec, make_probe()).runs:
        assert run.lr == pytest.approx(0.25 * (run.size.n_params / 1e6) ** -0.5)


def test_a_run_is_known_by_the_rate_that_it_trains_at_however_it_is_written(make_spec, make_probe):
    written = make_spec(training={"lr": 0.25})
    scaled = make_spec(training={"lr": 0.5, "lr_scaling": {"at": 1e6, "exponent": 0.0}})
    run_ids = [[run.run_id for run in plan_sweep(spec, make_probe()).runs] for spec in (written, scaled)]
    assert not set(run_ids[0]) & set(run_ids[1])
    halved = make_spec(training={"lr": 0.25, "lr_scaling": {"at": 1e6, "exponent": 0.0}})
    assert [run.run_id for run in plan_sweep(halved, make_probe()).runs] == run_ids[0]
