from typing import ClassVar, Literal

import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.forms import Ces, Kappa
from flops_fit.fit.forms.search import search_optimum
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.structure import structure_p_value
from flops_fit.fit.surface import laid_over

PLAIN = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
FARSEER = (*PLAIN, 0.03)
LARGER_MODELS_LEARN_FASTER = (*PLAIN[:4], 0.3658 * (1 - 0.03 * np.log(3e8)), 0.3658 * 0.03)
"""To first order the exponent of D grows as (N/3e8)^.03, as Farseer finds (arXiv:2506.10972)."""


class LikeFarseer(SurfaceForm):
    """The exponent of D is beta·(N/3e8)^gamma, exactly."""

    kind: Literal["like_farseer"] = "like_farseer"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta", "gamma")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (*Chinchilla.bounds, (-0.1, 0.1))

    def predict(self, theta, n_params, n_units):
        E, A, B, alpha, beta, gamma = theta
        return E + A * n_params**-alpha + B * n_units ** -(beta * (n_params / 3e8) ** gamma)

    def optimum(self, theta, flops, flops_per_unit):
        return search_optimum(lambda n, d: self.predict(theta, n, d), flops, flops_per_unit)


def share_rejected(runs_on, form: SurfaceForm, theta, replicates, noise=0.005, level=0.05):
    rejected = []
    for seed in range(replicates):
        points = points_of(runs_on(form, np.array(theta), n_sizes=10, noise=noise, seed=seed))
        surface = laid_over(points, Chinchilla())
        fit = refine_robustly(surface, np.log(points.loss), start(surface, points.loss))
        rejected.append(structure_p_value(surface, fit) < level)
    return np.mean(rejected)


def test_noise_alone_is_seldom_taken_for_structure(runs_on):
    """Acceptance test F: the size of a test at level .05."""
    assert 0.01 <= share_rejected(runs_on, Chinchilla(), PLAIN, 100) <= 0.12


@pytest.mark.parametrize("noise", [0.002, 0.005])
@pytest.mark.parametrize(
    ("form", "theta"), [(Ces(), (*PLAIN, 1.2)), (LikeFarseer(), FARSEER)], ids=["ces", "farseer"]
)
def test_another_form_is_found_out(runs_on, form, theta, noise):
    """Acceptance test F: the power."""
    assert share_rejected(runs_on, form, theta, 12, noise=noise) > 0.9


def test_the_finding_says_what_the_form_cannot_follow(runs_on):
    runs = runs_on(Kappa(), np.array(LARGER_MODELS_LEARN_FASTER), n_sizes=10, noise=0.002)
    codes = {f.code for f in fit_law(runs, Chinchilla()).findings}
    assert "wrong-form" in codes
    assert "wrong-form" not in {f.code for f in fit_law(runs, Kappa()).findings}
