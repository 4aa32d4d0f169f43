from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.backtest import Calibration, Calibrations, calibrate, local_vertex
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.points import points_of
from flops_fit.fit.trend import LogEstimate
from flops_fit.fit.valley import fit_valley


def budget_of(log_loss):
    log_n = np.linspace(-1, 1, len(log_loss))
    return Budget(
        flops=1e17,
        log_n=log_n,
        log_loss=np.array(log_loss),
        excess=np.zeros(len(log_loss)),
        trunk=np.arange(len(log_loss)),
    )


def calibrated(runs):
    budgets = budgets_of(points_of(runs))
    return calibrate(budgets, fit_valley(budgets))


def test_intervals_are_those_of_students_t_on_the_log_scale():
    interval = Calibration(factor=1.5, dof=10.0).interval(LogEstimate(mean=2.0, variance=0.04))
    assert np.log([interval.low, interval.high]) == pytest.approx(
        2 + np.array([-1, 1]) * 2.228139 * 1.5 * 0.2
    )


def test_calibration_changes_evenly_between_the_top_two_budgets():
    among, above = Calibration(factor=1.0, dof=15.0), Calibration(factor=2.0, dof=11.0)
    both = Calibrations(among=among, above=above, next_to_top=40.0, top=42.0)
    assert [both.at(c) for c in (30.0, 40.0)] == [among, among]
    assert both.at(41.0) == Calibration(factor=1.5, dof=13.0)
    assert [both.at(c) for c in (42.0, 50.0)] == [above, above]


def test_four_budgets_or_fewer_leave_the_calibration_to_the_prior(chinchilla_runs):
    sizes, losses = calibrated(chinchilla_runs(budgets=np.geomspace(1e17, 1e18, 4)))
    assert (sizes.above.factor, sizes.above.dof) == (1.0, 10.0)
    assert (losses.above.factor, losses.above.dof) == (pytest.approx(0.8), 10.0)
    assert sizes.among == losses.among == Calibration(factor=1.0, dof=10.0)


def test_a_sweep_that_keeps_to_its_trend_earns_narrower_intervals_than_an_erratic_one(chinchilla_runs):
    calm = calibrated(chinchilla_runs())
    jumps = [
        run if i // 9 % 2 else replace(run, loss=run.loss * 1.04) for i, run in enumerate(chinchilla_runs())
    ]
    erratic = calibrated(jumps)
    assert calm[0].above.factor < 1.0
    assert erratic[1].above.factor > 1.2 * calm[1].above.factor
    assert erratic[1].among.factor > 1.2 * calm[1].among.factor


def test_a_plain_parabola_finds_the_vertex_of_a_budget():
    assert local_vertex(budget_of((np.linspace(-1, 1, 9) - 0.2) ** 2)) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "log_loss",
    [np.linspace(1, 0, 9), -(np.linspace(-1, 1, 9) ** 2), [0.2, 0.1, 0.3]],
    ids=["edge", "hill", "three"],
)
def test_a_budget_without_a_minimum_inside_has_no_local_vertex(log_loss):
    assert local_vertex(budget_of(log_loss)) is None
