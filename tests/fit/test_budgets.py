from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.points import points_of


def test_runs_are_grouped_by_budget_lowest_first_and_sorted_by_size(chinchilla_runs):
    budgets = budgets_of(points_of(chinchilla_runs()[::-1]))
    assert np.exp([b.log_flops for b in budgets]) == pytest.approx(np.geomspace(1e17, 1e19, 7))
    assert all((np.diff(b.log_n) > 0).all() for b in budgets)


@pytest.mark.parametrize("scale", [1.0, 5e-324])
def test_a_budget_whose_name_is_not_its_compute_stands_at_the_median_of_its_runs(chinchilla_runs, scale):
    runs = [replace(r, budget=scale * (i // 9)) for i, r in enumerate(chinchilla_runs())]
    assert np.exp(budgets_of(points_of(runs))[0].log_flops) == pytest.approx(1e17)


def test_a_run_that_misses_its_budget_carries_the_excess(chinchilla_runs):
    runs = list(chinchilla_runs())
    runs[4] = replace(runs[4], n_units=runs[4].n_units * 1.05, flops=runs[4].flops * 1.05)
    lowest = budgets_of(points_of(runs))[0]
    assert lowest.excess[4] == pytest.approx(np.log(1.05), abs=0.003)
    assert np.delete(lowest.excess, 4) == pytest.approx(np.zeros(8), abs=0.003)


def test_how_flops_are_counted_is_no_excess(chinchilla_runs):
    runs = [replace(r, flops=r.flops * (1 + 1e5 / r.n_params)) for r in chinchilla_runs()]
    assert all(np.abs(b.excess).max() < 0.002 for b in budgets_of(points_of(runs)))


def test_budgets_of_the_same_compute_are_one(chinchilla_runs):
    runs = [replace(r, budget=float(i // 9 + 10 * (i % 2))) for i, r in enumerate(chinchilla_runs())]
    assert [len(b.log_n) for b in budgets_of(points_of(runs))] == [9] * 7


def test_sizes_within_a_thousandth_are_one(chinchilla_runs):
    runs = [
        replace(r, n_params=r.n_params * (1.0005 if i % 2 else 1)) for i, r in enumerate(chinchilla_runs())
    ]
    again = [replace(r, run_id=f"{r.run_id} again", n_params=r.n_params * 1.0004) for r in runs]
    assert all(b.n_sizes == 9 for b in budgets_of(points_of([*runs, *again])))
