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


def noise_covariance(t: Floats, variance: Floats, scatters: Floats, drifts: Floats) -> Floats:
    """Return the covariance of ln y around the line, shape (n_pairs, n_budgets, n_budgets)."""
    white = (variance + scatters[:, None] ** 2)[:, :, None] * np.eye(len(t))
    return white + drifts[:, None, None] ** 2 * drift_covariance(t, t)


def drift_covariance(t: Floats, other: Floats) -> Floats:
    """Return the covariance of an integrated Wiener process that starts at 0 and runs backwards.

    Source: the prior behind cubic smoothing splines, Wahba 1978, J. R. Stat. Soc. B 40, 364.
    """
    distance, other_distance = np.abs(np.minimum(t, 0)), np.abs(np.minimum(other, 0))
    nearer = np.minimum.outer(distance, other_distance)
    further = np.maximum.outer(distance, other_distance)
    covariance: Floats = nearer**2 * (3 * further - nearer) / 6
    return covariance
