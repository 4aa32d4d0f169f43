from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.bootstrap import cells
from flops_fit.fit.points import points_of
from flops_fit.fit.seed_noise import read_seed_noise
from flops_fit.fit.surface import fit_parameters, fit_surface

BUDGETS = np.geomspace(1e17, 3e19, 7)


def seeded(chinchilla_runs, noises, n_seeds=3, seed=0):
    """Every run `n_seeds` times, with noise that changes evenly from the smallest to the largest budget."""
    rng = np.random.default_rng(seed)
    sd = dict(zip(BUDGETS.tolist(), np.geomspace(*noises, len(BUDGETS)).tolist(), strict=True))
    return [
        replace(r, run_id=f"{r.run_id} {i}", seed=i, loss=r.loss * np.exp(sd[r.budget] * rng.normal()))
        for r in chinchilla_runs(budgets=BUDGETS, n_sizes=10)
        for i in range(n_seeds)
    ]


def noise_of(runs, residuals=None):
    points = points_of(runs)
    left = np.zeros(len(points)) if residuals is None else residuals
    return read_seed_noise(points.flops, np.log(points.loss), left, cells(points))


def test_noise_that_falls_with_compute_is_found(chinchilla_runs):
    weights = noise_of(seeded(chinchilla_runs, (0.012, 0.003))).weights(BUDGETS[[0, -1]])
    assert np.sqrt(weights[1] / weights[0]) == pytest.approx(4.0, rel=0.3)


def test_weights_average_to_one_over_the_runs(chinchilla_runs):
    runs = seeded(chinchilla_runs, (0.012, 0.003))
    assert noise_of(runs).weights(points_of(runs).flops).mean() == pytest.approx(1.0)


def test_what_seeds_do_not_explain_levels_the_weights(chinchilla_runs):
    runs = seeded(chinchilla_runs, (0.012, 0.003))
    rng = np.random.default_rng(0)
    noise = noise_of(runs, 0.05 * rng.normal(size=len(runs)))
    assert noise.tau == pytest.approx(0.05, rel=0.2)
    weights = noise.weights(BUDGETS[[0, -1]])
    assert weights[1] / weights[0] == pytest.approx(1.0, abs=0.1)


def test_equal_noise_gives_equal_weights(chinchilla_runs):
    found = [noise_of(seeded(chinchilla_runs, (0.005, 0.005), seed=seed)) for seed in range(10)]
    assert sum(noise is not None for noise in found) <= 2


def test_a_diverged_seed_does_not_decide(chinchilla_runs):
    runs = seeded(chinchilla_runs, (0.012, 0.003))
    bad = [replace(r, loss=1.4 * r.loss) if i % 40 == 7 else r for i, r in enumerate(runs)]
    clean, dirty = (noise_of(table).weights(BUDGETS[[0, -1]]) for table in (runs, bad))
    assert np.log(dirty[1] / dirty[0]) == pytest.approx(np.log(clean[1] / clean[0]), abs=1.0)


@pytest.mark.parametrize("n_runs", [9, 15])
def test_few_seeds_say_nothing(chinchilla_runs, n_runs):
    assert noise_of(seeded(chinchilla_runs, (0.012, 0.003))[:n_runs]) is None
    assert noise_of(chinchilla_runs(noise=0.005)) is None


def test_weighing_by_noise_makes_the_answer_more_accurate(chinchilla_runs, true_optimum):
    errors = {True: [], False: []}
    for seed in range(12):
        runs = seeded(chinchilla_runs, (0.03, 0.002), seed=seed)
        blind = [replace(r, n_units=r.n_units * (1 + 1e-6 * r.seed)) for r in runs]  # no two in one cell
        for weighed, table in ((True, runs), (False, blind)):
            theta = fit_parameters(points_of(table), Chinchilla(keep_far_runs_because="all are good"))
            errors[weighed].append(np.log(true_optimum(3e21, theta) / true_optimum(3e21)))
    assert np.std(errors[True]) < 0.8 * np.std(errors[False])


def test_the_noise_of_a_loss_is_that_of_its_compute(chinchilla_runs):
    law = fit_surface(points_of(seeded(chinchilla_runs, (0.012, 0.003))), Chinchilla(), n_draws=100)
    assert law.noise(3.0, BUDGETS[0]) == pytest.approx(0.012, rel=0.3)
    assert law.noise(3.0, BUDGETS[-1]) == pytest.approx(0.003, rel=0.3)
