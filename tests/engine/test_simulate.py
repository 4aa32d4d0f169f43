"""Simulated sweeps: losses from a known surface, and rows that never pass for trained ones."""

import math

import pytest

from flops_fit.engine import run_sweep, simulate_sweep
from flops_fit.engine.simulate import BESIROGLU, _centred


def test_without_noise_losses_are_the_surface(make_spec, plan_of, store):
    plan = plan_of(make_spec())
    summary = simulate_sweep(plan, store, noise=0.0, form_theta=BESIROGLU)
    assert summary.trained == 10
    e, a, b, alpha, beta = BESIROGLU
    for record in store.read():
        assert record.loss == pytest.approx(
            e + a / record.n_params**alpha + b / record.n_units**beta, rel=1e-12
        )
        assert record.origin == "simulated"


def test_by_default_the_middle_of_the_plan_is_compute_optimal(make_spec, plan_of, store):
    """Where C = N·D is kept, the loss there rises towards either side."""
    plan = plan_of(make_spec())
    _, A, B, alpha, beta = _centred(plan)
    n = math.prod(r.size.n_params for r in plan.runs) ** (1 / len(plan.runs))
    d = math.prod(r.n_units for r in plan.runs) ** (1 / len(plan.runs))
    by_size = [A * (n * times) ** -alpha + B * (d / times) ** -beta for times in (0.9, 1, 1.1)]
    assert by_size[1] == min(by_size)


def test_noise_has_the_stated_size(make_spec, plan_of, store):
    plan = plan_of(make_spec(seeds=tuple(range(10))))
    simulate_sweep(plan, store, noise=0.01, form_theta=BESIROGLU)
    e, a, b, alpha, beta = BESIROGLU
    errors = [r.loss - e - a / r.n_params**alpha - b / r.n_units**beta for r in store.read()]
    rms = math.sqrt(sum(error**2 for error in errors) / len(errors))
    assert rms == pytest.approx(0.01, rel=4 / math.sqrt(2 * len(errors)))


def test_the_same_call_draws_the_same_losses_and_another_seed_others(make_spec, plan_of, store):
    plan = plan_of(make_spec())
    first = simulate_sweep(plan, store)
    again = simulate_sweep(plan, store)
    assert (again.trained, again.skipped, again.run_ids) == (0, 10, first.run_ids)
    other = simulate_sweep(plan, store, seed=1)
    assert other.trained == 10
    one, two = store.read(first.run_ids), store.read(other.run_ids)
    assert {r.loss for r in one}.isdisjoint(r.loss for r in two)


def test_simulated_rows_do_not_keep_runs_from_being_trained(make_spec, plan_of, store):
    spec = make_spec()
    plan = plan_of(spec)
    simulated = simulate_sweep(plan, store)
    trained = run_sweep(plan, spec, store)
    assert trained.skipped == 0
    assert {record.origin for record in store.read(trained.run_ids)} == {"trained"}
    assert {record.origin for record in store.read(simulated.run_ids)} == {"simulated"}
