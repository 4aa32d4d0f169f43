import numpy as np
import pytest

from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.interpolated import interpolated_minima, weighted_line
from flops_fit.fit.points import points_of


def minima_of(runs):
    return interpolated_minima(budgets_of(points_of(runs)))


def test_minima_of_exact_runs_lie_within_a_tenth_of_a_step_of_the_truth(chinchilla_runs, true_optimum):
    minima = minima_of(chinchilla_runs(n_sizes=13))
    step = np.log(64) / 12
    assert len(minima) == 7
    for m in minima:
        assert abs(m.log_n - np.log(true_optimum(m.flops))) < step / 10
        assert m.log_n_sd == pytest.approx(step / 3, rel=0.01)


def test_noise_widens_the_minima_beyond_a_third_of_a_step(chinchilla_runs):
    minima = minima_of(chinchilla_runs(n_sizes=25, noise=0.01))
    assert np.mean([m.log_n_sd for m in minima]) > np.log(64) / 24


def test_minima_at_the_edge_are_discarded(chinchilla_runs):
    assert minima_of(chinchilla_runs(noise=0.001, shift=20.0)) == ()


def test_seeds_of_one_size_are_averaged(chinchilla_runs):
    runs = chinchilla_runs(noise=0.002)
    twice = minima_of([*runs, *runs])
    assert [m.log_n for m in twice] == [m.log_n for m in minima_of(runs)]


def test_an_uncertain_minimum_weighs_less_on_the_line(chinchilla_runs, true_optimum):
    sharp = chinchilla_runs(n_sizes=13, budgets=np.geomspace(1e17, 1e19, 6))
    (astray,) = minima_of(chinchilla_runs(n_sizes=4, window=20, budgets=np.array([1e20])))
    line = weighted_line([*minima_of(sharp), astray])
    plain = np.polyfit(
        *zip(*[(np.log(m.flops), m.log_n) for m in [*minima_of(sharp), astray]], strict=True), 1
    )
    truth = 0.3658 / (0.3478 + 0.3658)
    assert abs(line.convert().coef[1] - truth) < abs(plain[0] - truth)
