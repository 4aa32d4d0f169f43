import numpy as np
import pytest

from flops_fit.fit import Chinchilla
from flops_fit.fit.forms import Ces, Kappa
from flops_fit.fit.points import points_of
from flops_fit.fit.profile import profile_width
from flops_fit.fit.robust import refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over


@pytest.mark.parametrize("form", [Chinchilla(), Ces(), Kappa()], ids=lambda form: form.kind)
def test_the_profile_agrees_with_the_sandwich_where_noise_is_plain(chinchilla_runs, form):
    law = fit_surface(points_of(chinchilla_runs(noise=0.005, n_sizes=12)), form, n_draws=100)
    assert law.profile_width == pytest.approx(law.sandwich_width, rel=0.25)


def test_the_profile_of_a_parameter_covers_it(chinchilla_runs):
    held = []
    for seed in range(40):
        points = points_of(chinchilla_runs(noise=0.005, n_sizes=10, seed=seed))
        surface, response = laid_over(points, Chinchilla()), np.log(points.loss)
        fit = refine_robustly(surface, response, start(surface, points.loss))
        width = profile_width(surface, response, fit, lambda work: work[:, 3])
        held.append(abs(fit.work[3] - np.log(0.3478)) < width / 2)
    assert np.mean(held) >= 0.85


def test_an_answer_that_nothing_moves_has_no_profile(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.005))
    surface, response = laid_over(points, Chinchilla()), np.log(points.loss)
    fit = refine_robustly(surface, response, start(surface, points.loss))
    assert profile_width(surface, response, fit, lambda work: np.zeros(len(work))) is None
