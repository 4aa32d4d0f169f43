"""Clauses about a curve, a form without N, under the core's fit: it finds again what made the runs."""

from __future__ import annotations

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.curve_law import fit_curve
from flops_fit_conformance.breach import require
from flops_fit_conformance.reference_runs import ONE_SIZE, runs_of_one_size, shifted
from flops_fit_conformance.truth_covered import NOISE, SEEDS, require_covered

EXACT = 1e-4
FURTHER = 3e12
"""Units of D, three times as many as the largest run has."""


def check_known_curve_is_recovered(form: SurfaceForm) -> None:
    """Fitted to runs without noise on its own curve, the form gives back that curve."""
    theta = shifted(form)
    points = runs_of_one_size(lambda n, d: form.predict(theta, n, d))
    found = fit_curve(points, form).theta
    before, after = (form.predict(t, points.n_params, points.n_units) for t in (theta, found))
    worst = int(np.argmax(np.abs(np.log(after / before))))
    require(
        bool(np.isclose(after[worst], before[worst], rtol=EXACT)),
        found=f"a loss of {after[worst]:.6g} at D = {points.n_units[worst]:.3g}",
        should=f"{before[worst]:.6g}, from which the runs were made",
        call=f"fitting {form!r} to runs without noise on its own curve",
    )


def check_curve_intervals_cover_the_truth(form: SurfaceForm) -> None:
    """The law's 95% interval of the loss holds the truth, at three times the largest amount of data."""
    theta = shifted(form)
    truth = float(form.predict(theta, np.array([ONE_SIZE]), np.array([FURTHER]))[0])
    estimates = []
    for seed in SEEDS:
        runs = runs_of_one_size(lambda n, d: form.predict(theta, n, d), noise=NOISE, seed=seed)
        estimates.append(fit_curve(runs, form).loss_over(FURTHER))
    call = f"fitting {form!r} to runs with {NOISE:.1%} of noise on its own curve"
    require_covered("the loss", truth, estimates, call=call)
