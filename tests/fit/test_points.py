from dataclasses import replace

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit.points import points_of


def test_runs_without_a_usable_loss_are_listed_with_the_reason(chinchilla_runs):
    runs = list(chinchilla_runs())
    runs[0] = replace(runs[0], status="diverged", loss=None, reason="loss is NaN at step 12")
    runs[1] = replace(runs[1], loss=float("nan"))
    points = points_of(runs)
    assert len(points) == len(runs) - 2
    assert [(e.run_id, e.reason) for e in points.excluded] == [
        ("run 000", "diverged: loss is NaN at step 12"),
        ("run 001", "loss is nan; a positive number is needed"),
    ]


def test_no_usable_run_is_refused_with_the_first_reason(chinchilla_runs):
    runs = [replace(r, status="failed", loss=None, reason="out of memory") for r in chinchilla_runs()]
    with pytest.raises(FitError, match=r"None of the 63 runs .* run 000: failed: out of memory"):
        points_of(runs)


def test_integer_counts_beyond_int64_products_do_not_overflow(chinchilla_runs):
    runs = [replace(r, n_params=int(4e12), n_units=int(4e13), flops=9.6e26) for r in chinchilla_runs()]
    assert points_of(runs).flops == pytest.approx(np.full(len(runs), 9.6e26))


def test_budgets_are_read_off_the_flops_where_the_table_names_none(chinchilla_runs):
    named, unnamed = points_of(chinchilla_runs()), points_of(chinchilla_runs(named=False))
    assert unnamed.inferred_budgets
    assert not named.inferred_budgets
    assert unnamed.budget == pytest.approx(named.budget)


def test_a_grid_of_fixed_ratios_forms_no_budgets(public_runs):
    points = points_of(public_runs("gadre", source="gadre_c4_original"))
    assert np.isnan(points.budget).all()


def test_one_simulated_row_marks_all_points(chinchilla_runs):
    runs = list(chinchilla_runs())
    assert not points_of(runs).simulated
    runs[5] = replace(runs[5], origin="simulated")
    assert points_of(runs).simulated
