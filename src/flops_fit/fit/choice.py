"""Which law is the headline when nobody says: the valley where there are budgets, else surfaces."""

import numpy as np

from flops_fit.fit.bootstrap import N_DRAWS
from flops_fit.fit.contest import Contest, clearly_better
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw, fit_surface
from flops_fit.fit.valley_law import fit_valley_law, has_valley

_CLEARLY = 2.0
"""Times by which a surface must miss less than the valley, at every origin and for N* too."""
_LEAST_WEIGHT = 0.05
_FEWEST_DRAWS = 250
"""Draws from which a percentile of 2.5% can be read."""


def chosen_law(points: Points, contest: Contest) -> Law:
    """Fit the valley where the runs form IsoFLOP budgets, else the surfaces that extrapolated best.

    The valley assumes no surface, so it gives way only to clear evidence: a surface that missed the upper
    budgets half as far, at every one of three origins, in loss and in N*. Three origins are few; by chance
    alone a rival beats an equal at all three once in eight times.
    """
    if has_valley(points) and not clearly_better(contest, list(contest.surfaces), "valley", times=_CLEARLY):
        return fit_valley_law(points)
    return fit_surfaces(points, contest)


def fit_surfaces(points: Points, contest: Contest) -> SurfaceLaw | MixtureLaw:
    """Fit the surfaces that the contest believes in and average them by its weights.

    One that fits wrongly (see `structure`) loses weight by what it missed, not by the test itself: on real
    tables every form fails the test, and the average is what is left to believe.

    Raises:
        FitError: no surface could be fitted (`surface-failed`).
    """
    believed = sorted(
        ((weight, name) for name, weight in contest.weights.items() if weight >= _LEAST_WEIGHT), reverse=True
    )
    if not believed:
        return fit_surface(points, Chinchilla())
    weights = np.array([weight for weight, _ in believed])
    weights /= weights.sum()
    members = tuple(
        fit_surface(
            points, contest.surfaces[name], n_draws=max(_FEWEST_DRAWS, round(N_DRAWS * float(weight)))
        )
        for weight, (_, name) in zip(weights, believed, strict=True)
    )
    return members[0] if len(members) == 1 else MixtureLaw(members=members, weights=weights)
