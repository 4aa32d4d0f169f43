"""The valley as a law: its minimum with intervals that the sweep's own backtest supports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.backtest import Calibration, Calibrations, calibrate
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.law import Estimate, Optimum
from flops_fit.fit.points import Points
from flops_fit.fit.trend import LogEstimate, antilog, fit_size_trend
from flops_fit.fit.valley import Valley, average, fit_valley, rise
from flops_fit.fit.vertex import CURVATURE_SCATTER
from flops_fit.quantities import Interval

FEWEST_BUDGETS = 3
_FEWEST_SIZES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetMinimum:
    """Where the runs of one budget put their minimum, before any trend."""

    flops: float
    n_params: float
    loss: float
    n_sizes: int
    at_edge: bool
    """The minimum lies outside the sizes trained around the best run."""
    n_runs: int
    """Runs around the best one, by which the minimum was placed."""
    n_outliers: int
    """Those of them that do not fit and were all but ignored."""
    flat: bool
    """Its sizes, four or more, show no curvature that could be told from noise."""
    off_trend: bool
    """The trends hold only if this budget is doubted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValleyLaw:
    """The law of `fit_valley_law`."""

    valley: Valley
    size_calibrations: Calibrations
    loss_calibrations: Calibrations
    minima: tuple[BudgetMinimum, ...]
    exponent_at_top: Estimate
    exponent_whole_range: Estimate
    loss_slope_at_top: Estimate
    """d ln L* / d ln C at the largest budget; not the exponent of a power law with an irreducible loss."""
    flops_per_unit: FlopsPerUnit
    kind: Literal["valley"] = "valley"

    @property
    def name(self) -> str:
        """The kind of fit form that gives this law."""
        return self.kind

    @property
    def flops_range(self) -> tuple[float, float]:
        """The lowest and the highest budget."""
        return self.minima[0].flops, self.minima[-1].flops

    def optimum(self, flops: float) -> Optimum:
        """Return what a new IsoFLOP curve at `flops` is expected to show."""
        log_flops = float(np.log(flops))
        log_n, log_loss = self.valley.minimum(log_flops)
        sizes, losses = self.size_calibrations.at(log_flops), self.loss_calibrations.at(log_flops)
        return Optimum(
            n_params=Estimate(value=log_n.value, interval=sizes.interval(log_n)),
            loss=Estimate(value=log_loss.value, interval=losses.interval(log_loss)),
        )

    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the loss of any N and D; the interval grows with the distance from the valley."""
        log_n, log_flops = np.log(n_params), float(np.log(n_units) + np.log(self.flops_per_unit(n_params)))
        mean = float(self.valley.log_loss(np.array([log_n]), log_flops)[0])
        size, loss = self.valley.minimum(log_flops)
        height, steepness = self.valley.curvature(log_flops) * np.array(rise(log_n - size.mean))
        off_valley = float(steepness**2 * size.variance + (CURVATURE_SCATTER * height) ** 2)
        estimate = LogEstimate(mean, loss.variance + off_valley)
        calibration = self.loss_calibrations.at(log_flops)
        return Estimate(value=estimate.value, interval=calibration.interval(estimate))

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:
        """Return the loss of each size when `flops` are spent on it."""
        return antilog(self.valley.log_loss(np.log(n_params), float(np.log(flops))))

    def disagreement(self, flops: float) -> float:
        """Return the ratio between the optimal sizes that either window finds at `flops`."""
        sizes = [m.size_trend.predict(float(np.log(flops))).mean for m in self.valley.members]
        return float(np.exp(np.ptp(sizes)))


def has_valley(points: Points) -> bool:
    """Whether there are three budgets of three sizes each."""
    return _n_placed(budgets_of(points)) >= FEWEST_BUDGETS


def fit_valley_law(points: Points) -> ValleyLaw:
    """Fit the valley and calibrate it on the sweep itself.

    Raises:
        FitError: fewer than three budgets have three sizes (`too-few-budgets`), or none of them shows a
            minimum (`no-curvature`).
    """
    budgets = budgets_of(points)
    if _n_placed(budgets) < FEWEST_BUDGETS:
        raise FitError(
            f"The valley needs {FEWEST_BUDGETS} budgets of {_FEWEST_SIZES} sizes each; "
            f"these runs have {_n_placed(budgets)}.",
            fix="train more budgets, or name the budget of each run in a column `budget`",
            code="too-few-budgets",
        )
    valley = fit_valley(budgets)
    minima = _minima(valley, budgets)
    if all(minimum.flat for minimum in minima):
        raise FitError(
            "At no budget does loss depend on size by more than the runs scatter: no optimum shows.",
            fix="train sizes over a wider range (a factor of 8 either way), or longer; but first look at the "
            "learning rate: far from the best one all sizes fare alike (`training.lr: auto` finds it)",
            code="no-curvature",
        )
    of_sizes, of_losses = calibrate(budgets, valley)
    straight = [
        fit_size_trend(v.log_flops, v.log_n, v.log_n_cov, drifting=False)
        for v in (m.vertices for m in valley.members)
    ]
    return ValleyLaw(
        valley=valley,
        size_calibrations=of_sizes,
        loss_calibrations=of_losses,
        minima=minima,
        exponent_at_top=_estimate([m.size_trend.slope() for m in valley.members], of_sizes.above),
        exponent_whole_range=_estimate([trend.slope() for trend in straight], of_sizes.above),
        loss_slope_at_top=_estimate([m.loss_trend.relative_slope() for m in valley.members], of_losses.above),
        flops_per_unit=points.flops_per_unit,
    )


def _n_placed(budgets: Sequence[Budget]) -> int:
    return sum(budget.n_sizes >= _FEWEST_SIZES for budget in budgets)


def _estimate(slopes: Sequence[LogEstimate], calibration: Calibration) -> Estimate:
    slope = average(slopes)
    half = calibration.half_width(slope.variance)
    return Estimate(value=slope.mean, interval=Interval(slope.mean - half, slope.mean + half))


def _minima(valley: Valley, budgets: Sequence[Budget]) -> tuple[BudgetMinimum, ...]:
    """Average the members' vertices; doubts are those of the widest window."""
    widest = valley.members[-1]
    log_n = np.mean([m.vertices.log_n for m in valley.members], axis=0)
    log_loss = np.mean([m.vertices.log_loss for m in valley.members], axis=0)
    doubted = np.maximum(widest.size_trend.inflations, widest.loss_trend.inflations) > 1.5
    return tuple(
        BudgetMinimum(
            flops=b.flops,
            n_params=float(np.exp(log_n[i])),
            loss=float(np.exp(log_loss[i])),
            n_sizes=b.n_sizes,
            at_edge=look.at_edge,
            n_runs=look.n_runs,
            n_outliers=look.n_outliers,
            flat=look.flat,
            off_trend=bool(doubted[i]),
        )
        for i, (b, look) in enumerate(zip(budgets, widest.vertices.looks, strict=True))
    )
