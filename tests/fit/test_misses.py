from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.bootstrap import clusters
from flops_fit.fit.folds import covariances, rolling_origins
from flops_fit.fit.misses import read_inflation
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over

BUDGETS = np.geomspace(1e17, 1e20, 9)


def fitted(points):
    surface = laid_over(points, Chinchilla())
    return surface, refine_robustly(surface, surface.response(points.loss), start(surface, points.loss))


def inflation_of(runs):
    points = points_of(runs)
    return read_inflation(*(fitted(points)[0], points, fitted(points)[1]), clusters(points))


def test_a_right_form_is_seldom_widened_and_by_little(chinchilla_runs):
    found = [inflation_of(chinchilla_runs(noise=0.005, n_sizes=10, seed=seed)) for seed in range(40)]
    assert np.mean([i.size for i in found]) < 1.1
    assert np.mean([i.loss for i in found]) < 1.1


@pytest.fixture(scope="module")
def tilted(chinchilla_runs, true_optimum):
    """A sweep whose large models lag the further, the less compute there is: no surface bends that way."""
    return [
        replace(
            r,
            loss=r.loss * np.exp(0.03 * np.log(r.n_params / true_optimum(r.flops)) * (1e17 / r.flops) ** 0.4),
        )
        for r in chinchilla_runs(noise=0.002, budgets=BUDGETS, n_sizes=10)
    ]


def test_a_form_that_misses_its_upper_runs_is_widened(tilted):
    found = inflation_of(tilted)
    assert found.size > 1.5


def test_intervals_of_a_wrong_form_hold_the_truth(tilted, true_optimum):
    law = fit_surface(points_of(tilted), Chinchilla(), n_draws=300)
    assert true_optimum(1e20) in law.optimum(1e20).n_params.interval


def test_intervals_widen_with_the_distance_ahead(chinchilla_runs):
    law = fit_surface(points_of(chinchilla_runs(noise=0.005)), Chinchilla(), n_draws=300)
    intervals = [law.optimum(times * 1e19).n_params.interval for times in (1, 10, 100, 1000)]
    widths = [i.high / i.low for i in intervals]
    assert widths == sorted(widths)


def test_few_runs_allow_no_backtest(chinchilla_runs):
    assert inflation_of(chinchilla_runs(noise=0.005, n_sizes=3)[:12]).n_origins == 0


def test_origins_never_split_runs_of_one_compute():
    flops = np.repeat(BUDGETS, 10)
    seen = rolling_origins(flops, 10)
    assert len(seen) >= 3
    for row in seen:
        assert flops[row].max() < flops[~row].min()


def test_covariances_are_those_of_repeated_sweeps(chinchilla_runs):
    works, stated = [], []
    for seed in range(60):
        points = points_of(chinchilla_runs(noise=0.004, n_sizes=12, seed=seed))
        surface, fit = fitted(points)
        works.append(surface.theta(fit.work)[3:])
        once, residuals = np.ones((1, len(points))), fit.residuals[None]
        spread = covariances(
            surface, fit, fit.work[None], counts=once, cluster=clusters(points), residuals=residuals
        )
        stated.append(np.sqrt(np.diagonal(spread[0])[3:]) * works[-1])  # working parameters are logarithms
    assert np.mean(stated, axis=0) == pytest.approx(np.std(works, axis=0), rel=0.3)
