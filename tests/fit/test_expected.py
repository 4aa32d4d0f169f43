from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.options import DECAY
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import huber, refine, refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import laid_over


@pytest.fixture
def surface_and_response(chinchilla_runs):
    def over(**options):
        points = points_of(chinchilla_runs(**options))
        surface = laid_over(points, Chinchilla())
        return surface, surface.response(points.loss), start(surface, points.loss)

    return over


def test_what_is_expected_pulls_downhill_and_costs_nothing_at_its_centre(surface_and_response):
    surface, _, work = surface_and_response(noise=0.005)
    (cost,), (towards,), _ = surface.pull(work[None])
    step = 1e-6 * np.eye(len(work))
    slope = [(surface.pull((work + s)[None]).cost[0] - cost) / 1e-6 for s in step]
    assert towards == pytest.approx(-np.array(slope), abs=1e-4)
    centred = np.where(np.arange(5) < 3, work, Chinchilla.expected["alpha"][0])
    of_exponents_alone = replace(surface, best=None)
    assert of_exponents_alone.pull(centred[None]).cost[0] == pytest.approx(0.0)


def test_the_curvature_of_what_is_expected_is_that_of_the_squares_it_is_weighed_as(surface_and_response):
    surface, _, work = surface_and_response(noise=0.005)
    (bend,) = surface.pull(work[None]).bend
    assert bend == pytest.approx(bend.T)
    assert (np.linalg.eigvalsh(bend) >= -1e-12).all()
    assert abs(bend[0, 3]) > 0  # E and alpha go together in the decay of the loss
    assert replace(surface, best=None).pull(work[None]).bend[0, 0, 3] == 0


def test_a_floor_that_runs_hardly_show_is_where_losses_slow_down_as_usual(surface_and_response):
    """Sixteen noisy runs over a decade leave E open between 0 and most of the loss."""
    budgets = np.geomspace(1e18, 1e19, 4)
    surface, response, work = surface_and_response(noise=0.03, n_sizes=4, budgets=budgets)
    usual, without = (refine_robustly(s, response, work).work for s in (surface, replace(surface, best=None)))
    decay, centre = (surface._decay(w[None])[0].item() for w in (usual, without)), DECAY[0]
    with_it, without_it = decay
    assert abs(with_it - centre) < abs(without_it - centre)


def test_exponents_that_runs_hardly_show_are_drawn_towards_a_third(surface_and_response):
    surface, response, work = surface_and_response(noise=0.03, n_sizes=4, budgets=np.geomspace(1e18, 1e19, 4))
    fit = refine_robustly(surface, response, work)
    once, indifferent = np.ones((1, len(response))), huber(1.345 * fit.scale)
    alone = refine(surface, response, fit.work[None], counts=once, loss=indifferent, steps=300)
    away = [surface.pull(w[None]).cost[0] for w in (fit.work, alone.work[0])]
    assert away[0] < 0.8 * away[1]


def test_exponents_that_runs_show_are_theirs(surface_and_response):
    theta = (1.7, 900.0, 12.0, 0.465, 0.155)
    surface, response, work = surface_and_response(theta=theta, noise=0.002)
    assert surface.theta(refine_robustly(surface, response, work).work)[3:] == pytest.approx(
        theta[3:], rel=0.1
    )
