from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface, runs_used
from flops_fit.fit.surface_findings import about_surface


@pytest.fixture(scope="module")
def with_giants(chinchilla_runs, true_optimum):
    """A sweep whose giants, three times the optimum and more, are under-trained: their loss is too high."""
    runs = chinchilla_runs(noise=0.003, n_sizes=13, window=30.0, budgets=np.geomspace(1e17, 1e20, 9))
    excess = [np.log(r.n_params / (3 * true_optimum(r.flops))) for r in runs]
    return [
        replace(r, loss=r.loss * (1 + 0.15 * max(0.0, e) ** 2)) for r, e in zip(runs, excess, strict=True)
    ]


@pytest.fixture(scope="module")
def law(with_giants):
    return fit_surface(points_of(with_giants), Chinchilla())


def test_runs_that_mislead_forecasts_are_left_out_and_listed(law, with_giants, true_optimum):
    far = {r.run_id for r in with_giants if r.n_params > 8 * true_optimum(r.flops)}
    assert law.window.width is not None
    assert law.window.error < law.window.error_of_all
    assert far <= {run.run_id for run in law.left_out}
    assert all("times the best at its compute" in r.reason for r in law.left_out if r.run_id in far)


def test_without_them_the_optimum_is_the_true_one(law, with_giants, true_optimum):
    kept = Chinchilla(keep_far_runs_because="to show what they do")
    misled = fit_surface(points_of(with_giants), kept, n_draws=100)
    truth = true_optimum(1e21)
    miss, misses = (abs(np.log(x.optimum(1e21).n_params.value / truth)) for x in (law, misled))
    assert miss < 0.2 < misses


def test_a_written_reason_keeps_every_run(with_giants):
    form = Chinchilla(keep_far_runs_because="the giants are what I want to know about")
    kept = fit_surface(points_of(with_giants), form, n_draws=100)
    assert kept.window is None
    assert kept.left_out == ()
    assert kept.form.keep_far_runs_because == form.keep_far_runs_because


def test_the_finding_names_them_what_is_gained_and_how_to_keep_them(law):
    (finding,) = (f for f in about_surface(law) if f.code == "left-out-runs")
    assert law.left_out[0].run_id in finding.message
    assert law.left_out[0].reason.startswith("N = ")
    assert "forecasts err by" in finding.message
    assert "keep_far_runs_because" in finding.action


def test_the_runs_used_are_those_not_left_out(law, with_giants):
    points = points_of(with_giants)
    used = runs_used(points, law)
    assert len(used) == len(points) - len(law.left_out)
    assert not {run.run_id for run in law.left_out} & set(used.run_ids)


def test_runs_on_the_surface_all_count_however_far_they_are(chinchilla_runs):
    runs = chinchilla_runs(noise=0.004, n_sizes=13, window=60.0)
    assert fit_surface(points_of(runs), Chinchilla(), n_draws=100).left_out == ()


def test_over_trained_grids_keep_the_runs_that_hold_the_information(public_runs):
    for source in ("gadre_c4_original", "gadre_rpj", "gadre_rw_original"):
        assert (
            fit_surface(points_of(public_runs("gadre", source=source)), Chinchilla(), n_draws=100).left_out
            == ()
        )


def test_a_window_is_not_chosen_where_forecasts_cannot_be_judged(chinchilla_runs):
    law = fit_surface(points_of(chinchilla_runs(noise=0.004, n_sizes=4)[:12]), Chinchilla(), n_draws=100)
    assert law.window is None
