"""What budgets show of a line that drifts: ln y made linear, and the covariance of its noise."""

from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats


class Linearised(NamedTuple):
    """ln(y - floor) as linear in t, divided by d ln(y - floor) / d ln y.

    That puts the noise back on ln y, where it is the same for every floor. Shapes (n_floors, n_budgets, ...).
    """

    target: Floats
    design: Floats
    stretch: Floats
    """The divisor."""


def linearise(t: Floats, log_value: Floats, floors: Floats) -> Linearised:
    """Linearise what budgets at `t` show, shape (n_budgets,), for every floor, shape (n_floors,)."""
    value = np.exp(log_value)
    stretch = value / (value - floors[:, None])
    line = np.stack([np.ones_like(t), t], axis=1)
    return Linearised(np.log(value - floors[:, None]) / stretch, line / stretch[..., None], stretch)


def scattered(covariance: Floats, scatters: Floats) -> Floats:
    """Return the covariance of what budgets show around a line that does not drift, for every scatter.

    Shape (n_options, n_budgets, n_budgets).
    """
    around: Floats = covariance + (scatters**2)[:, None, None] * np.eye(len(covariance))
    return around


def noise_covariance(
    t: Floats, covariance: Floats, scatters: Floats, drifts: Floats, growths: Floats
) -> Floats:
    """Return the covariance of ln y around the line, shape (n_options, n_budgets, n_budgets)."""
    drift: Floats = (drifts**2)[:, None, None] * drift_covariance(t, t, growths)
    return scattered(covariance, scatters) + drift


def inverse(covariance: Floats) -> Floats:
    """Invert covariances, shape (..., n, n), whose variances may differ by many orders of magnitude."""
    sds = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    scales = sds[..., :, None] * sds[..., None, :]
    precision: Floats = np.linalg.inv(covariance / scales) / scales
    return precision


def drift_covariance(t: Floats, other: Floats, growths: Floats) -> Floats:
    """Return the covariance of a drift that starts at 0 and runs backwards, shape (n_options, n_t, n_other).

    An integrated Wiener process whose variance grows by e^growth per e-fold of compute downwards. Source: at
    growth 0 it is the prior behind cubic smoothing splines, Wahba 1978, J. R. Stat. Soc. B 40, 364.
    """
    distance, other_distance = np.abs(np.minimum(t, 0)), np.abs(np.minimum(other, 0))
    nearer = np.minimum.outer(distance, other_distance)
    apart = np.maximum.outer(distance, other_distance) - nearer
    distinct, which = np.unique(growths, return_inverse=True)
    covariance: Floats = np.stack([_backwards(nearer, apart, growth) for growth in distinct])[which]
    return covariance


def _backwards(nearer: Floats, apart: Floats, growth: float) -> Floats:
    """Integrate e^(growth s) (nearer - s) (nearer + apart - s) over s from 0 to nearer."""
    if growth == 0:
        return nearer**2 * (2 * nearer + 3 * apart) / 6
    reach = growth * nearer
    squared = (2 * np.expm1(reach) - 2 * reach - reach**2) / growth**3
    linear = (np.expm1(reach) - reach) / growth**2
    total: Floats = squared + apart * linear
    return total
