import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.forms import Ces, Kappa
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.structure import structure_p_value
from flops_fit.fit.surface import laid_over

PLAIN = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
LARGER_MODELS_LEARN_FASTER = (*PLAIN[:4], 0.3658 * (1 - 0.03 * np.log(3e8)), 0.3658 * 0.03)
"""To first order the exponent of D grows as (N/3e8)^.03, as Farseer finds (arXiv:2506.10972)."""


def share_rejected(runs_on, form: SurfaceForm, theta, replicates, noise=0.005, level=0.05):
    rejected = []
    for seed in range(replicates):
        points = points_of(runs_on(form, np.array(theta), n_sizes=10, noise=noise, seed=seed))
        surface = laid_over(points, Chinchilla())
        fit = refine_robustly(surface, np.log(points.loss), start(surface, points.loss))
        rejected.append(structure_p_value(surface, fit) < level)
    return np.mean(rejected)


def test_noise_alone_is_seldom_taken_for_structure(runs_on):
    assert share_rejected(runs_on, Chinchilla(), PLAIN, 100) <= 0.12


@pytest.mark.parametrize(
    ("form", "theta"),
    [(Ces(), (*PLAIN, 1.2)), (Kappa(), LARGER_MODELS_LEARN_FASTER)],
    ids=["ces", "kappa"],
)
def test_another_form_is_found_out(runs_on, form, theta):
    assert share_rejected(runs_on, form, theta, 15, noise=0.002) > 0.9


def test_the_finding_says_what_the_form_cannot_follow(runs_on):
    runs = runs_on(Kappa(), np.array(LARGER_MODELS_LEARN_FASTER), n_sizes=10, noise=0.002)
    codes = {f.code for f in fit_law(runs, Chinchilla()).findings}
    assert "wrong-form" in codes
    assert "wrong-form" not in {f.code for f in fit_law(runs, Kappa()).findings}
