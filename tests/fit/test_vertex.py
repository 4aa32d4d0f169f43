import numpy as np
import pytest

from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.points import points_of
from flops_fit.fit.vertex import curvature_at, locate_vertices


def vertices_of(runs):
    return locate_vertices(budgets_of(points_of(runs)), window=0.9)


def test_noise_free_budgets_put_their_vertices_at_the_true_optimum(chinchilla_runs, true_optimum):
    vertices = vertices_of(chinchilla_runs())
    truth = [true_optimum(flops) for flops in np.exp(vertices.log_flops)]
    assert np.exp(vertices.log_n) == pytest.approx(truth, rel=0.02)
    assert not any(look.at_edge for look in vertices.looks)
    assert not any(look.flat for look in vertices.looks)


def test_a_minimum_beyond_the_sizes_is_flagged_and_given_a_large_variance(chinchilla_runs):
    inside, outside = vertices_of(chinchilla_runs()), vertices_of(chinchilla_runs(shift=20.0))
    assert all(look.at_edge for look in outside.looks)
    assert (np.diag(outside.log_n_cov) > 10 * np.diag(inside.log_n_cov)).all()


def test_scatter_is_pooled_over_budgets(chinchilla_runs):
    assert vertices_of(chinchilla_runs(noise=0.005, n_sizes=15)).noise == pytest.approx(0.005, rel=0.35)


@pytest.mark.parametrize("noise", [0.06, 0.12])
def test_scatter_of_many_times_the_first_guess_is_believed_and_nothing_left_out(chinchilla_runs, noise):
    """From a cutoff of 3% on, ever more runs would be left out, until three to a budget agree to nothing."""
    budgets = budgets_of(points_of(chinchilla_runs(noise=noise, n_sizes=15)))
    for window in (0.9, 1.3):
        vertices = locate_vertices(budgets, window=window)
        assert vertices.noise == pytest.approx(noise, rel=0.35)
        assert sum(look.n_outliers for look in vertices.looks) <= 1


def test_the_valley_gets_flatter_or_stays_with_compute_as_the_runs_have_it(chinchilla_runs):
    vertices = vertices_of(chinchilla_runs())
    at_top, at_bottom = curvature_at(vertices.log_curvature, np.array([0.0, np.log(1e17 / 1e19)]))
    assert 0 < at_top < at_bottom
    assert at_top == pytest.approx(0.03, rel=0.5)
