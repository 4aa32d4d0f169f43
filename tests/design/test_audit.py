"""Which runs are trained a second time."""

import pytest

from flops_fit.design import plan_sweep


def test_the_cheapest_run_that_follows_another_is_audited(make_spec, make_probe):
    plan = plan_sweep(make_spec(), make_probe())
    (audited,) = plan.audited
    followers = [run for trunk in plan.trunks for run in trunk[1:]]
    assert audited in followers
    assert audited.budget == min(run.budget for run in followers)
    assert audited.flops < 0.02 * plan.flops_executed


@pytest.mark.parametrize(
    ("training", "n"), [({"audit": 3}, 3), ({"audit": 0}, 0), ({"mode": "alone"}, 0)], ids=str
)
def test_the_spec_says_how_many(make_spec, make_probe, training, n):
    assert len(plan_sweep(make_spec(training=training), make_probe()).audited) == n


def test_a_trunk_of_one_run_has_nothing_to_audit(make_spec, make_probe):
    assert plan_sweep(make_spec(budgets=(1e15,)), make_probe()).audited == ()
