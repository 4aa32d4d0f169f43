"""Clauses about a loss surface under the core's estimators: it finds again what made the runs."""

from __future__ import annotations

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.surface import SurfaceLaw, fit_parameters, fit_surface
from flops_fit_conformance.breach import require
from flops_fit_conformance.reference_runs import BUDGETS, Floats, LossOf, runs_on, shifted
from flops_fit_conformance.truth_covered import NOISE, SEEDS, require_covered

EXACT = 1e-4
"""Relative distance of losses after a fit without noise."""
DRAWS = 80
FURTHER = 3.0
"""Times the largest budget at which intervals are asked for."""


def check_known_parameters_are_recovered(form: SurfaceForm) -> None:
    """Fitted to runs without noise on its own surface, the form gives back that surface."""
    theta = shifted(form)
    points = runs_on(_surface(form, theta))
    found = fit_parameters(points, form)
    before, after = (form.predict(t, points.n_params, points.n_units) for t in (theta, found))
    worst = int(np.argmax(np.abs(np.log(after / before))))
    require(
        bool(np.isclose(after[worst], before[worst], rtol=EXACT)),
        found=f"a loss of {after[worst]:.6g} at N = {points.n_params[worst]:.3g}",
        should=f"{before[worst]:.6g}, from which the runs were made",
        call=f"fitting {form!r} to runs without noise on its own surface",
    )


def check_intervals_cover_the_truth(form: SurfaceForm) -> None:
    """The law's 95% intervals of best size and loss hold the truth, at three times the largest budget."""
    theta, flops = shifted(form), FURTHER * float(BUDGETS[-1])
    best = form.optimum(theta, flops, lambda n: 6.0 * n)
    true_loss = float(form.predict(theta, np.array([best.n_params]), np.array([best.n_units]))[0])
    answers = [_law(form, theta, seed).optimum(flops) for seed in SEEDS]
    call = f"fitting {form!r} to runs with {NOISE:.1%} of noise on its own surface"
    for name, truth, estimates in (
        ("N*", best.n_params, [answer.n_params for answer in answers]),
        ("loss", true_loss, [answer.loss for answer in answers]),
    ):
        require_covered(name, truth, estimates, call=call)


def check_law_can_be_asked(form: SurfaceForm) -> None:
    """A law of the form answers for losses off the optimum, and for whole IsoFLOP curves."""
    theta = shifted(form)
    law = _law(form, theta, 0)
    best = law.optimum(float(BUDGETS[-1]))
    curve = law.isoflop_curve(best.n_params.value * np.array([0.5, 1.0, 2.0]), float(BUDGETS[-1]))
    require(
        curve.shape == (3,) and bool(np.isfinite(curve).all()) and curve[1] <= min(curve[0], curve[2]),
        found=f"losses {curve} at half, once and twice N*",
        should="finite losses, the least at N*",
        call=f"law of {form!r}.isoflop_curve(...)",
    )


def _law(form: SurfaceForm, theta: Floats, seed: int) -> SurfaceLaw:
    return fit_surface(runs_on(_surface(form, theta), noise=NOISE, seed=seed), form, n_draws=DRAWS)


def _surface(form: SurfaceForm, theta: Floats) -> LossOf:
    return lambda n_params, n_units: form.predict(theta, n_params, n_units)
