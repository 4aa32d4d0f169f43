"""Would the lower budgets have foretold the upper ones?"""

from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from flops_fit.design import Finding
from flops_fit.fit.arrays import Floats
from flops_fit.fit.bootstrap import cells
from flops_fit.fit.competition import Rival
from flops_fit.fit.findings.refits import loss_of, refitted, residuals_of, surface_of
from flops_fit.fit.findings.wording import ONE_KIND
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.valley_law import ValleyLaw

_Mask = NDArray[np.bool_]

_SURPRISING = {"N*": 1.45, "L*": 1.1}
"""Misses of the valley's backtest over what its variances allow for. Of 200 simulated sweeps without a defect
none came to more; a top budget whose losses are 2% off did in 7 of 12, one 3% off in all."""
_IMPLAUSIBLE = 0.01
_TOP = 0.2
"""Share of the runs that is held out where there are no budgets."""
_FEWEST_BELOW = 3
"""Times as many runs as parameters that must remain."""
_OUTLYING = 0.1
_LARGE = 0.1
"""Mean miss of ln loss that is worth a warning even where intervals reckon with it. Laws of language models
miss upper losses by 0.3% to 2%."""
_ABSURD = 0.5
"""Such a miss as no form of a law explains."""
_WIDENED = 1.05
"""Inflation of the intervals that already reckons with such misses."""
_ROUNDING = 1e-6
"""Residual of ln loss below which there is no noise to compare with: tables round losses more than that."""
_TRUSTED = 0.75
"""Share of the runs held out that the fit to all must believe."""


def about_backtest(headline: Law, rivals: Sequence[Rival]) -> Iterator[Finding]:
    """Yield at most one finding: forecasts from fewer runs missed so much that no interval makes up for it.

    An average is as good as the best of its members.
    """
    members = headline.members if isinstance(headline, MixtureLaw) else ()
    names = {headline.name, *(member.name for member in members)}
    missed = [(r.backtest_loss, r) for r in rivals if r.name in names and r.backtest_loss is not None]
    miss, rival = min(missed, key=itemgetter(0), default=(0.0, None))
    if rival is None or miss <= _LARGE:
        return
    unchanged = rival.unchanged_loss or np.inf
    useless = miss >= unchanged
    yield Finding(
        code="failed-backtest",
        severity="error" if useless else "warning",
        message=f"Fitted to lower runs and asked for the losses of upper ones at {rival.n_origins} origins, "
        f"{rival.name!r} missed them by {miss:.2%} on average; to say that losses stay as low as the best "
        f"one seen missed by {unchanged:.2%}.",
        action=(ONE_KIND if miss > _ABSURD else "")
        + ("do not extrapolate with it" if useless else "believe it near the largest runs only")
        + ": train a larger budget, or look for what changed between small runs and large ones",
        value=miss,
        threshold=_LARGE,
    )


def about_forecasts(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    """Yield at most one finding: the upper budgets were not where the lower ones put them."""
    if isinstance(law, ValleyLaw):
        yield from _of_valley(law)
    else:
        yield from _of_surface(points, law)


def _of_valley(law: ValleyLaw) -> Iterator[Finding]:
    factors = {"N*": law.size_calibrations.above.factor, "L*": law.loss_calibrations.above.factor}
    worst = max(factors, key=lambda answer: factors[answer] / _SURPRISING[answer])
    if factors[worst] > _SURPRISING[worst]:
        yield Finding(
            code="failed-backtest",
            severity="warning",
            message=f"Fitted to lower budgets only, the valley missed {worst} of upper ones by "
            f"{factors[worst]:.2g} times what it expected; its intervals were widened by that much.",
            action="look for what changed between budgets, such as batch size or learning rate",
            value=factors[worst],
            threshold=_SURPRISING[worst],
        )


def _of_surface(points: Points, law: SurfaceLaw) -> Iterator[Finding]:
    held_out = _upper(points)
    if (~held_out).sum() < _FEWEST_BELOW * len(law.theta):
        return
    p_value, miss, bias = _surprise(points, law, held_out)
    if p_value < _IMPLAUSIBLE:
        widened = law.inflation.loss > _WIDENED
        yield Finding(
            code="failed-backtest",
            severity="info" if widened else "warning",
            message=f"Fitted without the {held_out.sum()} runs of most compute, {law.name!r} misses them by "
            f"{miss:.1%} on average ({bias:+.1%} with signs), more than noise can (p = {p_value:.1g}).",
            action="train a larger budget; the intervals were widened by what forecasts missed"
            if widened
            else "widen the intervals of what lies ahead by this miss at least, or train a larger budget",
            value=p_value,
            threshold=_IMPLAUSIBLE,
        )


def _upper(points: Points) -> _Mask:
    """Tell which runs belong to the top budget, or to the top fifth of compute where there are no budgets."""
    if np.isnan(points.budget).any():
        return np.asarray(points.flops > np.quantile(points.flops, 1 - _TOP))
    return np.asarray(points.budget == points.budget.max())


def _surprise(points: Points, law: SurfaceLaw, held_out: _Mask) -> tuple[float, float, float]:
    """Return how likely so large misses are, by an F test on all of them, their mean size and their mean.

    It judges means of (N, D) cells, because seeds of a cell err together, and leaves out the runs that the
    fit to all of them ignores, unless they are so many that they are what failed to be foretold.
    """
    refit = refitted(points, law, (~held_out).astype(np.float64)[None])
    J = surface_of(points, law).fitted(refit.work)[1][0]
    kept = loss_of(points, law).weight(residuals_of(points, law)) >= _OUTLYING
    kept |= held_out & (kept[held_out].mean() < _TRUSTED)
    misses, above = _cell_means(points, refit.residuals[0], J, kept & held_out)
    residuals, below = _cell_means(points, refit.residuals[0], J, kept & ~held_out)
    spare = len(residuals) - J.shape[1]
    if not len(misses) or spare < 1:
        return 1.0, 0.0, 0.0
    scale = max(float(residuals @ residuals) / spare, _ROUNDING**2)
    spread = scale * (np.eye(len(misses)) + above @ np.linalg.pinv(below.T @ below) @ above.T)
    statistic = float(misses @ np.linalg.solve(spread, misses)) / len(misses)
    size, bias = np.expm1([np.abs(misses).mean(), misses.mean()])
    return float(fdtrc(len(misses), spare, statistic)), float(size), float(bias)


def _cell_means(points: Points, residuals: Floats, slopes: Floats, chosen: _Mask) -> tuple[Floats, Floats]:
    """Average the residuals of each cell's chosen runs; slopes are those of any of them."""
    _, first, label, counts = np.unique(
        cells(points)[chosen], return_index=True, return_inverse=True, return_counts=True
    )
    return np.bincount(label, residuals[chosen]) / counts, slopes[chosen][first]
