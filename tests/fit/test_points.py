from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from flops_fit.errors import FitError
from flops_fit.fit.points import Points, points_of


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


def test_runs_of_one_trunk_share_a_label_and_the_others_have_their_own(chinchilla_runs):
    runs = [replace(r, trunk="a" if i % 3 == 0 else "", seed=i % 2) for i, r in enumerate(chinchilla_runs())]
    points = points_of(runs[::-1])
    shared = np.array([int(name.removeprefix("run ")) % 3 == 0 for name in points.run_ids])
    assert len(np.unique(points.trunk[shared])) == 1
    assert len(np.unique(points.trunk)) == 1 + (~shared).sum()
    assert points.seed.tolist() == [int(name.removeprefix("run ")) % 2 for name in points.run_ids]


def test_points_survive_json(chinchilla_runs):
    points = points_of([replace(r, trunk="a") for r in chinchilla_runs(named=False)])
    adapter = TypeAdapter(Points)
    again = adapter.validate_json(adapter.dump_json(points))
    assert again.trunk.dtype == again.seed.dtype == np.int64
    assert again.trunk.tolist() == points.trunk.tolist() == [0] * len(points)
    assert again.seed.tolist() == points.seed.tolist()
