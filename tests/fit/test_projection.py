import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.points import points_of
from flops_fit.fit.projection import Runs, project
from flops_fit.fit.robust import huber, refine, refine_robustly, tukey
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over

FORM = Chinchilla()


def runs_of(points):
    return Runs(points.n_params, points.n_units, points.loss)


def test_exponents_on_the_grid_give_back_the_exact_surface(chinchilla_runs):
    alpha, beta = FORM.grid(np.ones(1), np.ones(1))[:, 150]
    theta = (1.9, 300.0, 700.0, alpha, beta)
    points = points_of(chinchilla_runs(theta=theta))
    found = project(FORM, runs_of(points), np.ones((1, len(points))))
    assert found[0] == pytest.approx(theta, rel=1e-4)


def test_a_run_counted_twice_is_a_run_that_is_there_twice(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.01))
    counts = np.ones((2, len(points)))
    counts[1, :20] = 2
    doubled = Runs(*(np.concatenate([column, column[:20]]) for column in runs_of(points)))
    once, weighted = project(FORM, runs_of(points), counts)
    assert weighted == pytest.approx(project(FORM, doubled, np.ones((1, len(doubled.loss))))[0], rel=1e-6)
    assert project(FORM, runs_of(points), counts[:1])[0] == pytest.approx(once, rel=1e-9)


def test_a_loss_that_goes_below_any_floor_gets_no_negative_one(chinchilla_runs):
    points = points_of(chinchilla_runs(theta=(0.0, 50.0, 80.0, 0.3, 0.3), noise=0.01))
    assert (project(FORM, runs_of(points), np.ones((1, len(points)))) >= 0).all()


def test_a_fit_that_was_cut_short_says_so_and_one_that_arrived_does_too(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.003))
    surface, log_loss = laid_over(points, FORM), np.log(points.loss)
    first, ones = start(surface, points.loss)[None], np.ones((1, len(points)))
    short = refine(surface, log_loss, first + 0.3, counts=ones, loss=huber(0.01), steps=1)
    done = refine(surface, log_loss, first + 0.3, counts=ones, loss=huber(0.01), steps=100)
    assert short.left[0] > 1e-3
    assert abs(done.left[0]) < 1e-9


def test_multiplying_the_objective_moves_no_optimum(chinchilla_runs):
    """Acceptance test K.

    Dividing it by the number of runs is what kept published fits from arriving (arXiv:2404.10102).
    """
    points = points_of(chinchilla_runs(noise=0.005))
    surface, log_loss = laid_over(points, FORM), np.log(points.loss)
    fit = refine_robustly(surface, log_loss, start(surface, points.loss))
    scaled = [
        refine(
            surface,
            log_loss,
            fit.work[None] + 0.1,
            counts=np.full((1, len(points)), scale),
            loss=tukey(0.02),
            steps=200,
        ).work[0]
        for scale in (1.0, 1e-3)
    ]
    assert scaled[0] == pytest.approx(scaled[1], rel=1e-6)


def test_residuals_of_the_loss_itself_are_an_option(chinchilla_runs):
    runs = points_of(chinchilla_runs(noise=0.004))
    log, linear = (fit_surface(runs, Chinchilla(space=space)) for space in ("log", "linear"))
    assert linear.theta == pytest.approx(log.theta, rel=0.2)
    assert (linear.theta != log.theta).any()
    exact = fit_surface(points_of(chinchilla_runs()), Chinchilla(space="linear"))
    assert exact.theta == pytest.approx((1.8172, 482.01, 2085.43, 0.3478, 0.3658), rel=1e-5)
