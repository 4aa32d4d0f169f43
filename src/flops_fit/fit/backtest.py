"""How wrong the valley has been about this very sweep.

Above the budgets: every upper budget predicted from those below it. Among them: every inner budget predicted
from all others. The two kinds of miss are unlike each other, so each calibrates its own intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from flops_fit.fit.budgets import Budget
from flops_fit.fit.scatter import share_trunks
from flops_fit.fit.trend import LogEstimate, antilog
from flops_fit.fit.valley import Valley, fit_valley, refit_without
from flops_fit.quantities import Interval

_FEWEST_BUDGETS = 4
_AHEAD = ((0, 1.0), (1, 0.5))
"""Budgets beyond the next one, and what the miss there weighs."""
_PRIOR_WEIGHT = 10.0
"""Misses that the prior is worth: about one backtest of nine budgets, so that a lucky sweep cannot make the
interval collapse and an unlucky one widens it about threefold at most."""
_WORST_MISS = 4.0
_LOCAL_WINDOW = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Turns a mean and variance into an interval that the backtest supports."""

    factor: float
    """What a standard deviation is multiplied by."""
    dof: float
    """Degrees of freedom of the t distribution."""

    def interval(self, estimate: LogEstimate, level: float = 0.95) -> Interval:
        """Return the interval of the quantity itself, not of its logarithm."""
        half = self.half_width(estimate.variance, level)
        low, high = antilog(np.array([estimate.mean - half, estimate.mean + half]))
        return Interval(float(low), float(high), level)

    def half_width(self, variance: float, level: float = 0.95) -> float:
        """Return half the width of the interval of something with this variance."""
        return float(stdtrit(self.dof, 0.5 + level / 2)) * self.factor * float(np.sqrt(variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrations:
    """How far to trust the valley, among the budgets trained and above them."""

    among: Calibration
    above: Calibration
    next_to_top: float
    """ln C of the budget next to the top one, up to which `among` holds."""
    top: float
    """ln C of the top budget, from which on `above` holds."""

    def at(self, log_flops: float) -> Calibration:
        """Return the calibration at a compute of e^log_flops, changing evenly between the top two budgets."""
        share = float(np.clip((log_flops - self.next_to_top) / (self.top - self.next_to_top), 0, 1))
        return Calibration(
            factor=(1 - share) * self.among.factor + share * self.above.factor,
            dof=(1 - share) * self.among.dof + share * self.above.dof,
        )


class _Expected(NamedTuple):
    """How large standardised misses are before this sweep has shown any, and the least factor allowed."""

    size: float
    least: float


_SIZES_ABOVE = _Expected(size=1.0, least=0.75)
_LOSSES_ABOVE = _Expected(size=0.8, least=0.6)
_AMONG = _Expected(size=1.0, least=0.75)


class _Miss(NamedTuple):
    weight: float
    log_n: float | None
    """Standardised; None where the budget shows no minimum."""
    log_loss: float


def calibrate(budgets: Sequence[Budget], valley: Valley) -> tuple[Calibrations, Calibrations]:
    """Return the calibrations of ln N* and ln L* for the valley of `budgets`.

    Budgets that share trunks err alike and so miss each other by less than those of another sweep would: then
    misses may widen intervals but not narrow them.
    """
    above, among = list(_misses_above(budgets)), list(_misses_among(budgets, valley))
    next_to_top, top = (b.log_flops for b in budgets[-2:])
    of_sizes, of_losses, inside = _SIZES_ABOVE, _LOSSES_ABOVE, _AMONG
    if share_trunks(budgets):
        of_sizes, of_losses, inside = (e._replace(least=e.size) for e in (of_sizes, of_losses, inside))
    return (
        Calibrations(
            among=_calibration(_sizes(among), inside),
            above=_calibration(_sizes(above), of_sizes),
            next_to_top=next_to_top,
            top=top,
        ),
        Calibrations(
            among=_calibration(_losses(among), inside),
            above=_calibration(_losses(above), of_losses),
            next_to_top=next_to_top,
            top=top,
        ),
    )


def _sizes(misses: Sequence[_Miss]) -> list[tuple[float, float]]:
    return [(m.weight, m.log_n) for m in misses if m.log_n is not None]


def _losses(misses: Sequence[_Miss]) -> list[tuple[float, float]]:
    return [(m.weight, m.log_loss) for m in misses]


def _calibration(misses: Sequence[tuple[float, float]], expected: _Expected) -> Calibration:
    dof = _PRIOR_WEIGHT + sum(weight for weight, _ in misses)
    squares = _PRIOR_WEIGHT * expected.size**2 + sum(weight * miss**2 for weight, miss in misses)
    return Calibration(factor=max(expected.least, (squares / dof) ** 0.5), dof=dof)


def _misses_above(budgets: Sequence[Budget]) -> Iterator[_Miss]:
    for n_seen in range(_FEWEST_BUDGETS, len(budgets)):
        valley = fit_valley(budgets[:n_seen])
        for ahead, weight in _AHEAD:
            if n_seen + ahead < len(budgets):
                yield _miss(valley, budgets[n_seen + ahead], weight)


def _misses_among(budgets: Sequence[Budget], valley: Valley) -> Iterator[_Miss]:
    if len(budgets) > _FEWEST_BUDGETS:
        for i in range(1, len(budgets) - 1):
            yield _miss(refit_without(valley, budgets, i), budgets[i], 1.0)


def _miss(valley: Valley, unseen: Budget, weight: float) -> _Miss:
    minimum, vertex = valley.minimum(unseen.log_flops), local_vertex(unseen)
    return _Miss(
        weight,
        None if vertex is None else _standardised(vertex, minimum.log_n),
        _standardised(unseen.log_loss[unseen.best], minimum.log_loss),
    )


def _standardised(shown: float, predicted: LogEstimate) -> float:
    return float(np.clip((shown - predicted.mean) / predicted.variance**0.5, -_WORST_MISS, _WORST_MISS))


def local_vertex(budget: Budget) -> float | None:
    """Return ln N of the minimum of a plain parabola around the best run; None where it has none inside."""
    z = budget.log_n - budget.log_n[budget.best]
    near = np.abs(z) <= _LOCAL_WINDOW
    if len(np.unique(z[near])) < 4:
        return None
    _, slope, curvature = np.polynomial.polynomial.polyfit(z[near], budget.log_loss[near], 2)
    vertex = -slope / (2 * curvature) if curvature > 0 else np.inf
    inside = z[near].min() < vertex < z[near].max()
    return float(vertex + budget.log_n[budget.best]) if inside else None
