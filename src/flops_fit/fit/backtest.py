"""How wrong the valley has been about this very sweep: every upper budget predicted from those below it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from flops_fit.fit.budgets import Budget
from flops_fit.fit.trend import LogEstimate
from flops_fit.fit.valley import fit_valley
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
        return Interval(float(np.exp(estimate.mean - half)), float(np.exp(estimate.mean + half)), level)

    def half_width(self, variance: float, level: float = 0.95) -> float:
        """Return half the width of the interval of something with this variance."""
        return float(stdtrit(self.dof, 0.5 + level / 2)) * self.factor * float(np.sqrt(variance))


class _Expected(NamedTuple):
    """How large standardised misses are before this sweep has shown any, and the least factor allowed."""

    size: float
    least: float


_SIZE_MISSES = _Expected(size=1.0, least=0.75)
_LOSS_MISSES = _Expected(size=0.8, least=0.6)


class _Miss(NamedTuple):
    weight: float
    log_n: float | None
    """Standardised; None where the budget shows no minimum."""
    log_loss: float


def calibrate(budgets: Sequence[Budget]) -> tuple[Calibration, Calibration]:
    """Return the calibrations of ln N* and ln L* for a valley fitted to `budgets`."""
    misses = list(_misses(budgets))
    sizes = [(m.weight, m.log_n) for m in misses if m.log_n is not None]
    losses = [(m.weight, m.log_loss) for m in misses]
    return _calibration(sizes, _SIZE_MISSES), _calibration(losses, _LOSS_MISSES)


def _calibration(misses: Sequence[tuple[float, float]], expected: _Expected) -> Calibration:
    dof = _PRIOR_WEIGHT + sum(weight for weight, _ in misses)
    squares = _PRIOR_WEIGHT * expected.size**2 + sum(weight * miss**2 for weight, miss in misses)
    return Calibration(factor=max(expected.least, (squares / dof) ** 0.5), dof=dof)


def _misses(budgets: Sequence[Budget]) -> Iterator[_Miss]:
    for n_seen in range(_FEWEST_BUDGETS, len(budgets)):
        valley = fit_valley(budgets[:n_seen])
        for ahead, weight in _AHEAD:
            if n_seen + ahead < len(budgets):
                unseen = budgets[n_seen + ahead]
                minimum = valley.minimum(unseen.log_flops)
                vertex = local_vertex(unseen)
                yield _Miss(
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
