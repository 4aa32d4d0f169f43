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
DECAY = (0.10, 0.05)
"""Mean and standard deviation of g·E/L, the share by which d ln L*/d ln C falls per e-fold of compute where
L* = E + K/C^g: .14 for Chinchilla, .13 for Llama 3, .05 for the tables of Porian et al."""
ODD_SLOPE = 0.1
"""Probability that what is expected of the slope does not hold."""
_WIDER = 10.0
"""How many times wider the expectation is then."""
_FLOORS = np.linspace(0.2, 0.96, 20)
"""Irreducible losses, as shares of the least loss, beside none at all."""
_ODD_FLOORS = np.linspace(0.04, 0.96, 24)
_NO_FLOOR = 0.2
"""Probability of no irreducible loss where nothing is expected."""


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


def size_slopes() -> Slopes:
    """Expect of ln N* an exponent of 0.5 ± 0.2: published ones lie between 0.37 and 0.79."""
    usual = _slopes(np.zeros(1), factors=np.ones((1, 1)), means=(0.5,), sds=(0.2,))
    return _either(usual, usual)


def loss_slopes(log_loss: Floats) -> Slopes:
    """Expect of ln L* what published losses do, or next to nothing.

    For L* = E + K·C^-g the loss falls by a share (1 - E/L)·g per e-fold of compute, expected at 0.06 ± 0.03,
    and that share itself decays by `DECAY`. Every E below the least loss is
    equally likely; where nothing is expected, there may well be none.
    """
    usual, odd = (_loss_slopes(log_loss, np.array([0.0, *shares])) for shares in (_FLOORS, _ODD_FLOORS))
    none = odd.floors == 0
    return _either(
        usual, odd._replace(log_prior=np.log(np.where(none, _NO_FLOOR, (1 - _NO_FLOOR) / (~none).sum())))
    )


def _loss_slopes(log_loss: Floats, shares: Floats) -> Slopes:
    factors = np.stack([shares - 1, -shares], axis=1)
    floors, (mean, sd) = shares * np.exp(log_loss.min()), DECAY
    return _slopes(floors, factors=factors, means=(0.06, mean), sds=(0.03, sd))


def _slopes(floors: Floats, *, factors: Floats, means: tuple[float, ...], sds: tuple[float, ...]) -> Slopes:
    """Expect `factors` times the slope to be `means` ± `sds`, all floors being equally likely."""
    n = len(floors)
    return Slopes(
        floors=floors,
        factors=factors,
        means=np.tile(means, (n, 1)),
        sds=np.tile(sds, (n, 1)),
        odd=np.zeros(n),
        log_prior=np.full(n, -np.log(n)),
    )


def _either(usual: Slopes, odd: Slopes) -> Slopes:
    """Join what is usually expected and, with a small probability, expectations `_WIDER` times as wide."""
    usual = usual._replace(log_prior=usual.log_prior + np.log(1 - ODD_SLOPE))
    odd = odd._replace(
        log_prior=odd.log_prior + np.log(ODD_SLOPE), sds=_WIDER * odd.sds, odd=np.ones_like(odd.odd)
    )
    return Slopes(*(np.concatenate(columns) for columns in zip(usual, odd, strict=True)))
