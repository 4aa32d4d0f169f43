"""Can these runs tell what N does to the loss from what D does?"""

from collections.abc import Iterator

import numpy as np

from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw, fit_parameters

_POOR, _HOPELESS = 3e3, 1e5
"""Condition numbers. Simulated sweeps have 330 to 740 with seven budgets over two and a half decades and
sizes a factor 8 either way, 4,000 to 5,400 with four budgets over half a decade, 6.5e7 and more at one ratio
of D to N."""


def about_identifiability(points: Points, law: SurfaceLaw) -> Iterator[Finding]:
    """Yield a finding where the normal equations of E + A/N^alpha + B/D^beta are ill-conditioned."""
    try:
        theta = law.theta if isinstance(law.form, Chinchilla) else fit_parameters(points, Chinchilla())
    except FitError:
        return
    condition = condition_number(theta, points.n_params, points.n_units)
    if condition > _POOR:
        yield Finding(
            code="ill-conditioned",
            severity="error" if condition > _HOPELESS else "warning",
            message="The runs hardly tell the effect of N from that of D (condition number of the normal "
            f"equations: {condition:.1g}).",
            action="train small models on much data and large ones on little, at the same compute",
            value=condition,
            threshold=_POOR,
        )


def condition_number(theta: Floats, n_params: Floats, n_units: Floats) -> float:
    """Return the condition number of the normal equations of ln loss, columns of unit length.

    A and B are taken at the geometric means of N and D, where they do not trade against the exponents.
    """
    _, A, B, _, _ = theta
    J = Chinchilla().jacobian(theta, n_params, n_units)
    J[:, 3] += A * np.log(n_params).mean() * J[:, 1]
    J[:, 4] += B * np.log(n_units).mean() * J[:, 2]
    J /= Chinchilla().predict(theta, n_params, n_units)[:, None]
    size = np.linalg.norm(J, axis=0)
    return float(np.linalg.cond(J / np.where(size > 0, size, 1.0)) ** 2)
