"""The irreducible loss: what no compute goes below, as far as runs of finite compute can tell.

It lies beyond every run, so no answer rests more on the form. The valley assumes no form and gives none.
It is read off the loss surfaces, of which each believes in power laws of another kind, and what they disagree
on widens the interval.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.choice import fit_surfaces
from flops_fit.fit.contest import hold_contest
from flops_fit.fit.law import Estimate
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.quantities import Interval

_LEVEL = 0.95


def irreducible_loss(points: Points) -> Estimate:
    """Return the offset of the loss surfaces that the contest believes in, pooled by its weights.

    The value is the median of what all of them hold possible, the interval its central part; both are of
    resampled runs, spread as the surfaces' own intervals are.

    Raises:
        FitError: no surface could be fitted (`surface-failed`).
    """
    law = fit_surfaces(points, hold_contest(points))
    if isinstance(law, MixtureLaw):
        return _pooled(law.members, law.weights)
    return _pooled((law,), np.ones(1))


class _Believed(NamedTuple):
    """Offsets that one surface holds possible, and the weight of each."""

    offsets: Floats
    weights: Floats


def _pooled(members: Sequence[SurfaceLaw], weights: Floats) -> Estimate:
    offsets, shares = (np.concatenate(column) for column in zip(*_believed(members, weights), strict=True))
    order = np.argsort(offsets)
    reached = (np.cumsum(shares[order]) - shares[order] / 2) / shares.sum()
    low, value, high = np.interp([(1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2], reached, offsets[order])
    return Estimate(value=float(value), interval=Interval(float(low), float(high), _LEVEL))


def _believed(members: Sequence[SurfaceLaw], weights: Floats) -> Iterator[_Believed]:
    for law, weight in zip(members, weights, strict=True):
        offset, draws = _offset(law, law.theta[None])[0], _offset(law, law.draws)
        stretch = law.expansion * law.inflation.loss
        stretched = np.maximum(offset + stretch * (draws - offset), 0.0)
        yield _Believed(stretched, np.full(len(draws), weight / len(draws)))


def _offset(law: SurfaceLaw, theta: Floats) -> Floats:
    """Return the loss that remains as N and D grow, shape (n_draws,); 0 where the form has no such part."""
    if law.form.offset is None:
        return np.zeros(len(theta))
    offsets: Floats = theta[:, law.form.param_names.index(law.form.offset)]
    return offsets
