"""Clauses about the optimum that a loss surface states."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit_conformance.breach import require
from flops_fit_conformance.reference_runs import Floats, known_parameters

SIZES = np.geomspace(1e4, 1e14, 20001)
NEAR = 1e-5
"""Relative loss that an optimum may lie above the best size of a fine grid."""
BUDGETS = (1e17, 1e19, 1e22)
FALLS = 0.05
"""Relative distance of an exponent of the loss from differences: forms may leave out what is small."""


def six_n(n_params: float) -> float:
    """Return the FLOPs per unit of the textbook."""
    return 6.0 * n_params


def bent(n_params: float) -> float:
    """Return FLOPs per unit that grow as the root of N for small models, as where attention rules."""
    return 6.0 * n_params + 6e5 * math.sqrt(n_params)


COSTS: Mapping[str, Callable[[float], float]] = {"6·N": six_n, "6·N + 6e5·√N": bent}


def check_optimum_is_optimal(form: SurfaceForm) -> None:
    """`optimum` returns the N and D of least loss on the curve C = phi(N)·D, for any phi that it is given."""
    theta = known_parameters(form).theta
    for flops, (name, cost) in ((flops, cost) for flops in BUDGETS for cost in COSTS.items()):
        found = form.optimum(theta, flops, cost)
        units = flops / np.array([cost(n) for n in SIZES])
        losses = form.predict(theta, SIZES, units)
        best = int(np.argmin(losses))
        reached = float(form.predict(theta, np.array([found.n_params]), np.array([found.n_units]))[0])
        require(
            reached <= losses[best] * (1 + NEAR),
            found=f"N = {found.n_params:.4g} with a loss of {reached:.6g}",
            should=f"N = {SIZES[best]:.4g}, where it is {losses[best]:.6g}",
            call=f"{form!r}.optimum(theta, {flops:g}, phi = {name})",
        )


def check_optimum_spends_the_budget(form: SurfaceForm) -> None:
    """The N and D of `optimum` cost what was to be spent: phi(N)·D = C."""
    theta = known_parameters(form).theta
    for flops, (name, cost) in ((flops, cost) for flops in BUDGETS for cost in COSTS.items()):
        found = form.optimum(theta, flops, cost)
        spent = cost(found.n_params) * found.n_units
        require(
            math.isclose(spent, flops, rel_tol=1e-6),
            found=f"N = {found.n_params:.4g} and D = {found.n_units:.4g}, which cost {spent:.6g}",
            should=f"{flops:.6g}",
            call=f"{form!r}.optimum(theta, {flops:g}, phi = {name})",
        )


def check_loss_exponent_is_how_the_loss_falls(form: SurfaceForm) -> None:
    """`loss_exponent` is None, or -d ln(L* - offset)/d ln C at the N and D that `optimum` gives."""
    theta, (flops, step) = known_parameters(form).theta, (BUDGETS[1], 1.01)
    best = form.optimum(theta, flops, six_n)
    stated = form.loss_exponent(np.stack([theta, theta], axis=1), best.n_params, best.n_units)
    if stated is None:
        return
    call = f"{form!r}.loss_exponent(theta of shape ({len(theta)}, 2), N, D)"
    require(np.shape(stated) == (2,), found=f"shape {np.shape(stated)}", should="shape (2,)", call=call)
    above, below = (_log_excess(form, theta, flops * times) for times in (step, 1 / step))
    falls = (below - above) / (2 * math.log(step))
    require(
        bool(np.allclose(stated, falls, rtol=FALLS, atol=1e-4)),
        found=f"{stated[0]:.4g}",
        should=f"{falls:.4g}, by differences of the loss at the optimum",
        call=call,
    )


def _log_excess(form: SurfaceForm, theta: Floats, flops: float) -> float:
    """Return ln(L* - offset) at `flops`."""
    best = form.optimum(theta, flops, six_n)
    loss = form.predict(theta, np.array([best.n_params]), np.array([best.n_units]))[0]
    floor = theta[form.param_names.index(form.offset)] if form.offset else 0.0
    return math.log(loss - floor)
