"""Whether residuals of a surface still bend with N and D: then the form is wrong, not the runs noisy."""

import numpy as np
from scipy.special import fdtrc

from flops_fit.fit.arrays import Floats
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.robust import RobustFit

_BENDS = 3
"""Directions in which residuals may bend: u², u·v and v²."""
_LEAST_SPARE = 5
IMPLAUSIBLE = 0.01
"""Below so likely a structure, a form is taken to be wrong."""


def structure_p_value(surface: FormSurface, fit: RobustFit) -> float | None:
    """Return how likely so much structure is if the form is right; None where few runs are to spare.

    An F test of whether u², u·v and v², with u and v the logarithms of N and D less their means, explain
    residuals beyond what the parameters do; rows count as in the robust fit. Noise and badly tuned runs do
    not trip it, however large, unless they follow N and D.

    Source: the added-variable form of Ramsey 1969, doi:10.1111/j.2517-6161.1969.tb00796.x.
    """
    slopes = surface.fitted(fit.work[None])[1][0]
    spare = len(fit.residuals) - slopes.shape[1] - _BENDS
    if spare < _LEAST_SPARE:
        return None
    u, v = (np.log(x) - np.log(x).mean() for x in (surface.n_params, surface.n_units))
    root = np.sqrt(fit.loss.weight(fit.residuals))
    plain = _squares_left(slopes * root[:, None], fit.residuals * root)
    bends = np.column_stack([u**2, u * v, v**2]) * surface.root_weights.reshape(-1, 1)
    bent = np.column_stack([slopes, bends])
    left = _squares_left(bent * root[:, None], fit.residuals * root)
    if left <= 0:
        return None
    return float(fdtrc(_BENDS, spare, max(plain - left, 0.0) / _BENDS / (left / spare)))


def _squares_left(columns: Floats, response: Floats) -> float:
    size = np.linalg.norm(columns, axis=0)
    unit = columns / np.where(size > 0, size, 1.0)
    coefficients = np.linalg.lstsq(unit, response, rcond=None)[0]
    return float(np.sum((response - unit @ coefficients) ** 2))
