"""The irreducible loss: what no compute goes below, as far as runs of finite compute can tell.

It lies beyond every run, so no answer rests more on the form. The valley assumes no form and gives none.
It is read off the loss surfaces, of which each believes in power laws of another kind, and what they disagree
on widens the interval.
"""

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
    """Return the loss that remains as N and D grow, by all surfaces that the contest does not rule out.

    They count alike. The contest weighs them by forecasts over a decade of compute, of which the irreducible
    loss decides next to nothing, so its weights would add their own noise: of forecasts that are about as
    good, the plain average is hard to beat. The value is the median of what all of them hold possible, the
    interval its central part; both are of resampled runs, spread as the surfaces' own intervals are.

    Source: Smith and Wallis 2009, doi:10.1111/j.1468-0084.2008.00541.x (why weights that are estimated lose).

    Raises:
        FitError: no surface could be fitted (`surface-failed`).
    """
    law = fit_surfaces(points, hold_contest(points))
    held_possible = [_offsets(m) for m in (law.members if isinstance(law, MixtureLaw) else (law,))]
    weights = np.concatenate([np.full(len(offsets), 1 / len(offsets)) for offsets in held_possible])
    offsets = np.concatenate(held_possible)
    order = np.argsort(offsets)
    reached = (np.cumsum(weights[order]) - weights[order] / 2) / len(held_possible)
    low, value, high = np.interp([(1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2], reached, offsets[order])
    return Estimate(value=float(value), interval=Interval(float(low), float(high), _LEVEL))


def _offsets(law: SurfaceLaw) -> Floats:
    """Return the offsets that a surface holds possible, shape (n_draws,); 0 where its form has none."""
    if law.form.offset is None:
        return np.zeros(len(law.draws))
    which = law.form.param_names.index(law.form.offset)
    fitted, draws = law.theta[which], law.draws[:, which]
    stretched: Floats = np.maximum(fitted + law.expansion * law.inflation.loss * (draws - fitted), 0.0)
    return stretched
