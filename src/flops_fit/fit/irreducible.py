"""The irreducible loss: what no compute goes below, as far as runs of finite compute can tell.

It lies beyond every run, so no answer rests more on the form. The valley assumes no form and gives none.
It is read off the loss surfaces, of which each believes in power laws of another kind, and what they disagree
on widens the interval.
"""

from collections.abc import Sequence

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.choice import fit_surfaces
from flops_fit.fit.contest import hold_contest
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Estimate
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.structure import IMPLAUSIBLE
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.quantities import Interval

_LEVEL = 0.95


def irreducible_loss(points: Points) -> Estimate:
    """Return the loss that remains as N and D grow.

    The value is that of the plainest surface, E + A/N^alpha + B/D^beta, unless its residuals show that it is
    the wrong form: then it is the mean over all surfaces that the contest does not rule out. What a form can
    bend by one more parameter, it can hide in E, so richer ones scatter in E for no better fit.

    The interval is the central part of what all those surfaces hold possible, spread as their own intervals
    are. They count alike there: the contest weighs them by forecasts over a decade of compute, of which the
    irreducible loss decides next to nothing.

    Raises:
        FitError: no surface could be fitted (`surface-failed`).
    """
    law = fit_surfaces(points, hold_contest(points))
    members = law.members if isinstance(law, MixtureLaw) else (law,)
    value = _value(members)
    held_possible = [_offsets(member) for member in members]
    weights = np.concatenate([np.full(len(offsets), 1 / len(offsets)) for offsets in held_possible])
    offsets = np.concatenate(held_possible)
    order = np.argsort(offsets)
    reached = (np.cumsum(weights[order]) - weights[order] / 2) / len(members)
    low, high = np.interp([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], reached, offsets[order])
    return Estimate(value=value, interval=Interval(min(float(low), value), max(float(high), value), _LEVEL))


def _value(members: Sequence[SurfaceLaw]) -> float:
    plain = next((law for law in members if law.name == Chinchilla().kind), None)
    if plain is not None and not _is_wrong(plain):
        return _fitted_offset(plain)
    return float(np.mean([_fitted_offset(law) for law in members]))


def _is_wrong(law: SurfaceLaw) -> bool:
    return law.structure_p_value is not None and law.structure_p_value < IMPLAUSIBLE


def _offsets(law: SurfaceLaw) -> Floats:
    """Return the offsets that a surface holds possible, shape (n_draws,); 0 where its form has none."""
    if law.form.offset is None:
        return np.zeros(len(law.draws))
    fitted, draws = _fitted_offset(law), law.draws[:, law.form.param_names.index(law.form.offset)]
    stretched: Floats = np.maximum(fitted + law.expansion * law.inflation.loss * (draws - fitted), 0.0)
    return stretched


def _fitted_offset(law: SurfaceLaw) -> float:
    offset = law.form.offset
    return 0.0 if offset is None else float(law.theta[law.form.param_names.index(offset)])
