"""What a trend cannot know beforehand and averages over: how budgets scatter, and what to expect of the line.

Whatever is expected of the slope may be wrong for the task at hand (a toy, an error rate, a steep loss), so
it never decides: with a small probability the expectation is ten times wider, and the evidence of the budgets
raises that probability as soon as they conflict.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats

GROWTHS = (0.0, 0.5, 1.0, 2.0)
"""How fast the variance of the drift may grow downwards, per e-fold of compute. Small budgets obey a trend
less well than large ones: more of their runs is warm-up, and small models are further from any power law."""
ODD_SLOPE = 0.1
"""Probability that what is expected of the slope does not hold."""
_WIDER = 10.0
"""How many times wider the expectation is then."""


class Noises(NamedTuple):
    """Ways in which budgets may leave their line; arrays of shape (n_noises,)."""

    scatters: Floats
    """Standard deviation of a budget around its trend beyond its own uncertainty."""
    drifts: Floats
    """Standard deviation of the drift at the top budget, per e-fold of compute to the power 3/2."""
    growths: Floats

    def steady(self) -> Noises:
        """Return those whose drift does not grow downwards."""
        return Noises(*(column[self.growths == 0] for column in self))


class Slopes(NamedTuple):
    """What the slope may be expected to be; arrays of shape (n_slopes, ...)."""

    floors: Floats
    factors: Floats
    """Multiples of the slope about which something is expected, shape (n_slopes, n_expectations)."""
    means: Floats
    """What they are expected to be, of the same shape."""
    sds: Floats
    odd: Floats
    """1 where the expectation is widened, else 0."""
    log_prior: Floats


def noises(*, scatters: tuple[float, ...], drifts: tuple[float, ...]) -> Noises:
    """Combine every scatter with every drift and growth, all equally likely."""
    return Noises(*np.array(list(product(scatters, drifts, GROWTHS))).T)


def slopes(*, floors: Floats, factors: Floats, means: tuple[float, ...], sds: tuple[float, ...]) -> Slopes:
    """Expect `factors` times the slope to be `means` ± `sds`, for every floor, or `_WIDER` times as wide."""
    n = len(floors)
    width = np.repeat([1.0, _WIDER], n)
    return Slopes(
        floors=np.tile(floors, 2),
        factors=np.tile(factors, (2, 1)),
        means=np.tile(means, (2 * n, 1)),
        sds=width[:, None] * np.array(sds),
        odd=np.repeat([0.0, 1.0], n),
        log_prior=np.repeat(np.log([1 - ODD_SLOPE, ODD_SLOPE]), n),
    )
