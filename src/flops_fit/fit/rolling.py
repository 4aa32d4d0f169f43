"""Rolling origins: how far every method would have missed the upper runs of this very table.

Each origin shows a method the runs below some compute and asks it for those above.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.backtest import local_vertex
from flops_fit.fit.budgets import Budget, budgets_of
from flops_fit.fit.methods import Fitted, Method
from flops_fit.fit.points import Points

_N_ORIGINS = 3
_FEWEST_SEEN, _FURTHEST = 3, 2
"""Budgets that a method sees at least, and how many it is asked for beyond them at most."""
_ENOUGH_SEEN = 4
_SHARES_SEEN = (0.5, 0.65, 0.8)
"""Of the runs in order of compute, where they form no budgets."""
_FEWEST_RUNS = 10
_FEWEST_COUNTED = 5
"""Runs below an origin that a method needs at least, as many as a surface has parameters."""
_WORST = 5.0
"""Error of ln loss or ln N* beyond which a forecast is no worse still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """How far one method missed at each origin; shape (n_origins,), NaN where it gave no answer."""

    log_loss: Floats
    """Mean absolute error of ln loss: at the best runs of the budgets ahead, or at all runs ahead."""
    log_n: Floats
    """Mean absolute error of ln N* of the budgets ahead; NaN where they show no minimum."""


class Entrant(NamedTuple):
    """What is judged."""

    method: Method
    without: frozenset[str] = frozenset()
    """Runs that it is not shown."""


def rolling_misses(points: Points, entrants: Mapping[str, Entrant], *, by_budget: bool) -> dict[str, Misses]:
    """Judge every method at the same origins, at most three; empty arrays where there are none.

    Args:
        points: The runs.
        entrants: What is judged, by name.
        by_budget: Ask for the minima of whole budgets, not for the losses of runs.
    """
    origins = _origins_of_budgets(points) if by_budget else _origins_of_runs(points)
    return {name: _missed(entrant, origins) for name, entrant in entrants.items()}


Judge = Callable[[Fitted], tuple[float, float]]
"""From a fitted method to its errors of ln loss and of ln N*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    below: Points
    judge: Judge


def _missed(entrant: Entrant, origins: Sequence[_Origin]) -> Misses:
    errors = np.array([_error(entrant, origin) for origin in origins]).reshape(-1, 2)
    return Misses(log_loss=errors[:, 0], log_n=errors[:, 1])


def _error(entrant: Entrant, origin: _Origin) -> tuple[float, float]:
    counted = np.array([run_id not in entrant.without for run_id in origin.below.run_ids])
    if counted.sum() < _FEWEST_COUNTED:
        return np.nan, np.nan
    try:
        with np.errstate(all="ignore"):
            return origin.judge(entrant.method(origin.below.only(counted)))
    except (FitError, np.linalg.LinAlgError, ValueError):  # a method that fails has no error to show
        return np.nan, np.nan


def _origins_of_budgets(points: Points) -> list[_Origin]:
    budgets = budgets_of(points)
    first = max(_FEWEST_SEEN, min(_ENOUGH_SEEN, len(budgets) - 1), len(budgets) - _N_ORIGINS)
    return [
        _Origin(
            below=points.only(points.flops < np.sqrt(budgets[n - 1].flops * budgets[n].flops)),
            judge=_judge_of_budgets(budgets[n : n + _FURTHEST]),
        )
        for n in range(first, len(budgets))
    ]


def _judge_of_budgets(ahead: Sequence[Budget]) -> Judge:
    def judge(fitted: Fitted) -> tuple[float, float]:
        sizes, losses = fitted.optima(np.array([b.flops for b in ahead]))
        shown = np.array([b.log_loss[b.best] for b in ahead])
        vertices = np.array([np.nan if (v := local_vertex(b)) is None else v for b in ahead])
        return _mean(np.log(losses) - shown), _mean(np.log(sizes) - vertices)

    return judge


def _origins_of_runs(points: Points) -> list[_Origin]:
    cuts = np.quantile(points.flops, _SHARES_SEEN, method="lower")
    origins = []
    for cut in np.unique(cuts):
        below = points.flops <= cut
        if below.sum() >= _FEWEST_RUNS and not below.all():
            origins.append(_Origin(below=points.only(below), judge=_judge_of_runs(points.only(~below))))
    return origins


def _judge_of_runs(ahead: Points) -> Judge:
    def judge(fitted: Fitted) -> tuple[float, float]:
        if fitted.losses is None:
            return np.nan, np.nan
        return _mean(np.log(fitted.losses(ahead.n_params, ahead.n_units)) - np.log(ahead.loss)), np.nan

    return judge


def _mean(errors: Floats) -> float:
    known = np.abs(errors[~np.isnan(errors)])
    return float(np.minimum(known, _WORST).mean()) if len(known) else np.nan
