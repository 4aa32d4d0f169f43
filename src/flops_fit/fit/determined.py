"""Refusals: runs that cannot determine a scaling law, each with the runs that would."""

from collections.abc import Sequence

import numpy as np

from flops_fit.config.within_reach import FEWEST_RUNS, FEWEST_SIZES, LEAST_RANGE
from flops_fit.errors import FitError, argument, text_argument
from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.points import Points

_LEAST_LOSS_RANGE = 1e-3
_LEAST_SCATTER = 0.1
"""Standard deviation of ln D around its trend in ln N below which N and D cannot be told apart."""
_RISING = 0.5
_FEWEST_BUDGETS = 3
_AROUND = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
"""Sizes to train around the best one, as multiples of it."""
_BEYOND = np.array([2.0, 4.0, 8.0])
"""Sizes to train beyond the outermost one, as multiples of it or as fractions."""
_NAMED = 3
_SMALLEST = "; or raise the budgets, if no model is that small"


def check_determined(points: Points) -> None:
    """Refuse runs that leave the law open, whatever is fitted to them.

    Raises:
        FitError: `too-few-sizes`, `too-few-runs`, `one-budget`, `narrow-range-of-sizes`,
            `fixed-ratio`, `constant-loss` or `rising-loss`.
    """
    _check_sizes(points)
    _check_runs(points)
    _check_span(points)
    if _scatter_of_data(points) < _LEAST_SCATTER:
        raise FitError(
            "D follows from N in all runs, so the effect of one cannot be told from that of the other.",
            fix=f"train several sizes at the same compute: {_other_ratios(points)}",
            code="fixed-ratio",
        )
    if np.ptp(np.log(points.loss)) < _LEAST_LOSS_RANGE:
        raise FitError(
            f"All runs reach the same loss, {points.loss.mean():.4g}, to {_LEAST_LOSS_RANGE:.1%}.",
            fix="check that it is the held-out loss after training, and that the models learn at all; if so, "
            f"{_wider_budgets(points)}",
            code="constant-loss",
        )
    if (rise := _rise(points)) > _RISING:
        raise FitError(
            f"The loss rises with compute (rank correlation {rise:.2f}), as in no law of training.",
            fix="if it is a score of which more is better, fit an error, e.g. 1 - accuracy, or the "
            f"cross-entropy; otherwise look whether the columns are right: {argument('columns')}",
            code="rising-loss",
        )


def _rise(points: Points) -> float:
    """Return the rank correlation of loss and compute; near -1 for sweeps."""
    ranks = [np.argsort(np.argsort(values, kind="stable")) for values in (points.flops, points.loss)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def check_minima(points: Points) -> None:
    """Refuse IsoFLOP budgets of which none shows its best size among the sizes trained.

    Raises:
        FitError: `no-interior-minimum`.
    """
    budgets = [b for b in budgets_of(points) if b.n_sizes >= FEWEST_SIZES]
    sides = [_side(budget) for budget in budgets]
    if len(budgets) < _FEWEST_BUDGETS or not all(sides):
        return
    smallest = sides.count(-1)
    raise FitError(
        f"No budget shows a minimum: the best run is the smallest size at {smallest} of {len(sides)} budgets "
        f"and the largest at {len(sides) - smallest}, so the best size lies beyond, nobody knows how far.",
        fix=f"train {_beyond(budgets, sides)}{_SMALLEST * (smallest == len(sides))}; or believe a surface "
        f"about it: {text_argument('form', 'chinchilla')}",
        code="no-interior-minimum",
    )


def grid_to_train(points: Points, around: Floats = _AROUND) -> str:
    """Name five sizes at each of three budgets, around the best run of the most compute."""
    top = float(points.flops.max())
    best = int(np.argmin(np.where(points.flops > top / LEAST_RANGE, points.loss, np.inf)))
    return "; ".join(
        f"N = {_list(points.n_params[best] * (share**0.5) * around)} at {share * top:.3g} FLOPs"
        for share in (0.1, 0.3, 1.0)
    )


def _check_sizes(points: Points) -> None:
    n_sizes = len(np.unique(np.round(np.log(points.n_params), 3)))
    if n_sizes < FEWEST_SIZES:
        curve = f"; or, for the loss over data at one size, fit a curve: {text_argument('form', 'm2')}"
        alone = curve if n_sizes == 1 else ""
        raise FitError(
            f"The runs have {n_sizes} model size{'s' * (n_sizes > 1)}; at least {FEWEST_SIZES} are needed.",
            fix=f"train at least five sizes at every budget: {grid_to_train(points)}{alone}",
            code="too-few-sizes",
        )
    span = float(points.n_params.max() / points.n_params.min())
    if span < LEAST_RANGE:
        raise FitError(
            f"The sizes span a factor {span:.3g} only; so close to a minimum the valley is flat.",
            fix=f"train a wider range of sizes: {grid_to_train(points)}",
            code="narrow-range-of-sizes",
        )


def _check_runs(points: Points) -> None:
    if len(points) < FEWEST_RUNS:
        others = f" ({len(points.excluded)} others have no usable loss)" if points.excluded else ""
        raise FitError(
            f"{len(points)} usable runs{others} cannot determine a scaling law; at least {FEWEST_RUNS} are "
            "needed.",
            fix=f"train at least 5 sizes at each of 7 budgets, or to begin with: {grid_to_train(points)}",
            code="too-few-runs",
        )


def _check_span(points: Points) -> None:
    span = float(points.flops.max() / points.flops.min())
    if span < LEAST_RANGE:
        raise FitError(
            f"All runs spend about {points.flops.max():.3g} FLOPs (largest over smallest {span:.2f}); "
            "how the optimum moves with compute cannot be seen at one budget.",
            fix=f"train further budgets, a decade of compute apart in all: {grid_to_train(points)}",
            code="one-budget",
        )


def _scatter_of_data(points: Points) -> float:
    log_n, log_d = np.log(points.n_params), np.log(points.n_units)
    line = np.polynomial.polynomial.polyfit(log_n - log_n.mean(), log_d, 1)
    return float(np.std(log_d - np.polynomial.polynomial.polyval(log_n - log_n.mean(), line)))


def _side(budget: Budget) -> int:
    """Return on which end of a budget's sizes its best run lies: -1, 1, or 0 for neither."""
    best = budget.log_n[budget.best]
    return int(best > budget.log_n[-1] - 1e-3) - int(best < budget.log_n[0] + 1e-3)


def _beyond(budgets: Sequence[Budget], sides: Sequence[int]) -> str:
    """Name sizes beyond the best run of some budgets."""
    chosen = np.unique(np.linspace(0, len(budgets) - 1, _NAMED).round().astype(int))
    sizes = [np.exp(budgets[i].log_n[budgets[i].best]) * _BEYOND ** sides[i] for i in chosen]
    return "; ".join(
        f"N = {_list(n)} at {budgets[i].flops:.3g} FLOPs" for i, n in zip(chosen, sizes, strict=True)
    )


def _other_ratios(points: Points) -> str:
    """Name sizes that leave the common ratio of D to N at some computes, as pairs of N and D."""
    rows = np.argsort(points.flops)[np.unique(np.linspace(0, len(points) - 1, _NAMED).round().astype(int))]
    return "; ".join(
        f"N = {_list(sizes)} with D = {_list(points.flops[i] / points.flops_per_unit.at(sizes))}"
        for i, sizes in ((i, points.n_params[i] * _AROUND[_AROUND != 1]) for i in rows)
    )


def _wider_budgets(points: Points) -> str:
    top = float(points.flops.max())
    return f"train with more compute, at {_list(top * np.array([10.0, 30.0, 100.0]))} FLOPs"


def _list(numbers: Floats) -> str:
    return ", ".join(f"{number:.2g}" for number in numbers)
