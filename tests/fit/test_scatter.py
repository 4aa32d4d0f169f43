from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import scatter
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.parabola import fit_parabola, nearby
from flops_fit.fit.points import points_of
from flops_fit.fit.scatter import beliefs, share_trunks, trunk_correlation
from flops_fit.fit.valley_law import fit_valley_law
from flops_fit.fit.vertex import locate_vertices

NOISE = 0.01


@pytest.fixture(scope="module")
def from_trunks(chinchilla_runs):
    """Simulate a sweep on one ladder of sizes, whose runs err alike where they share a trunk."""

    def simulate(correlation, *, seed=0, labelled=True):
        rng = np.random.default_rng(seed)
        ladder = np.geomspace(1e7, 1e10, 19)
        shared = rng.normal(size=len(ladder))
        runs = []
        for run in chinchilla_runs(n_sizes=1, window=1.0, budgets=np.geomspace(1e18, 1e20, 9)):
            for i in np.flatnonzero(np.abs(np.log(ladder / run.n_params)) < 2.2):
                n_params, n_units = float(ladder[i]), run.flops / 6 / float(ladder[i])
                luck = np.sqrt(correlation) * shared[i] + np.sqrt(1 - correlation) * rng.normal()
                loss = (1.8172 + 482.01 * n_params**-0.3478 + 2085.43 * n_units**-0.3658) * np.exp(
                    NOISE * luck
                )
                trunk = f"trunk {i}" if labelled else ""
                name = f"run {len(runs):03}"
                runs.append(
                    replace(run, run_id=name, n_params=n_params, n_units=n_units, loss=loss, trunk=trunk)
                )
        return runs

    return simulate


def vertices_of(runs):
    return locate_vertices(budgets_of(points_of(runs)), window=1.3)


def found_correlation(runs, window=2.5):
    budgets = budgets_of(points_of(runs))
    parabolas = [
        fit_parabola(
            b.log_n,
            b.log_loss,
            nearby(b.log_n - b.log_n[b.best], window).astype(float),
            centre=float(b.log_n[b.best]),
            curvature=0.035,
            curvature_sd=0.01,
            noise=NOISE,
        )
        for b in budgets
    ]
    return trunk_correlation(budgets, parabolas, NOISE)


def test_how_alike_runs_of_one_trunk_are_is_read_off_their_residuals(from_trunks):
    found = [
        np.mean([found_correlation(from_trunks(truth, seed=seed)) for seed in range(5)])
        for truth in (0.0, 0.7)
    ]
    assert found[0] < 0.25
    assert found[1] > 0.5


def test_budgets_that_share_trunks_err_alike_and_others_do_not(from_trunks):
    alike, apart = (vertices_of(from_trunks(0.7, labelled=labelled)) for labelled in (True, False))
    for name in ("log_n_cov", "log_loss_cov"):
        together, alone = getattr(alike, name), getattr(apart, name)
        assert (np.diag(together, 1) > 0.1 * np.diag(together)[1:]).all()
        assert np.array_equal(alone, np.diag(np.diag(alone)))
        assert np.linalg.eigvalsh(together).min() > 0


def test_the_optimum_is_less_certain_where_budgets_err_alike(from_trunks):
    runs = from_trunks(0.7)
    alike, apart = (
        fit_valley_law(points_of(r)).valley.minimum(np.log(1e20))
        for r in (runs, from_trunks(0.7, labelled=False))
    )
    assert alike.log_loss.variance > apart.log_loss.variance
    assert alike.log_n.variance > apart.log_n.variance


def test_misses_of_budgets_that_share_trunks_do_not_narrow_intervals(from_trunks):
    law = fit_valley_law(points_of(from_trunks(0.7)))
    assert law.size_calibrations.above.factor >= 1.0
    assert law.loss_calibrations.above.factor >= 0.8


def test_trunks_of_one_run_each_are_not_shared(from_trunks):
    assert share_trunks(budgets_of(points_of(from_trunks(0.7))))
    assert not share_trunks(budgets_of(points_of(from_trunks(0.7, labelled=False))))


def seeds_of(runs, n_seeds, noise, seed=0):
    rng = np.random.default_rng(seed)
    return [
        replace(r, run_id=f"{r.run_id}/{i}", seed=i, loss=r.loss * float(np.exp(noise * rng.normal())))
        for r in runs
        for i in range(n_seeds)
    ]


def believed(runs, noise):
    budgets = budgets_of(points_of(runs))
    near = [np.ones(len(b.log_n), dtype=bool) for b in budgets]
    return np.concatenate(beliefs(budgets, [b.log_loss for b in budgets], near, noise))


def test_seeds_count_in_full_where_luck_is_all_that_scatters(chinchilla_runs):
    assert believed(seeds_of(chinchilla_runs(), 3, NOISE), NOISE) == pytest.approx(1.0)


def test_seeds_count_for_less_where_the_parabola_misses_by_more_than_luck(chinchilla_runs):
    counted = believed(seeds_of(chinchilla_runs(), 3, NOISE / 5), NOISE)
    assert counted == pytest.approx(np.full(len(counted), 1 / 2.9), rel=0.05)


def test_copies_count_once_together(chinchilla_runs):
    assert believed(seeds_of(chinchilla_runs(), 3, 0.0), NOISE) == pytest.approx(1 / 3)


def test_a_few_repeats_prove_nothing(chinchilla_runs, monkeypatch):
    runs = chinchilla_runs()
    copies = [replace(r, run_id=f"{r.run_id} again") for r in runs[:7]]
    assert believed([*runs, *copies], NOISE) == pytest.approx(1.0)
    monkeypatch.setattr(scatter, "FEWEST_REPEATS", 7)
    assert believed([*runs, *copies], NOISE).min() == pytest.approx(0.5)


def test_three_seeds_place_the_minimum_better_than_one(chinchilla_runs):
    runs = chinchilla_runs()
    one, three = (vertices_of(seeds_of(runs, n, NOISE, seed=1)) for n in (1, 3))
    assert np.trace(three.log_n_cov) < 0.6 * np.trace(one.log_n_cov)
