"""Clauses about the optimum that a loss surface states."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit_conformance.breach import require
from flops_fit_conformance.reference_runs import known_parameters

SIZES = np.geomspace(1e4, 1e14, 20001)
NEAR = 1e-5
"""Relative loss that an optimum may lie above the best size of a fine grid."""
BUDGETS = (1e17, 1e19, 1e22)


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
