"""Whether a table holds several sets of runs that no column names: equal N and D, losses in separate groups.

Noise of one kind, cut into k groups at its widest gaps, leaves about 1/k of its scatter within the groups if
it is spread evenly, and more if it has a peak and tails. Sets leave much less: each follows a law of its own,
so that the step from one to the next is alike at neighbouring N and D.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr

from flops_fit.design import Finding
from flops_fit.errors import text_argument
from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.points import Points

_SAME = 0.01
"""ln N and ln D are compared in such steps: another vocabulary or rounding changes them by less."""
_NUMBERS = (2, 3, 4)
_FEWEST_CELLS = 8
_LEAST_SHARE = 0.2
"""Of the runs that the smallest set holds; fewer are single runs that went wrong."""
_IMPLAUSIBLE, _SURE = 0.01, 1e-4
"""Chances that runs of one set look so much like several, for a warning and for an error."""
_GRAVE = 0.03
"""Typical step of the loss for an error; up to it intervals of simulated mixtures hold the answers of all."""


class _Split(NamedTuple):
    """Runs that share their N and D with others, cut into groups."""

    points: Points
    cell: Rows
    """Number of the (N, D) cell of each run."""
    group: Rows
    """0 where losses are lowest."""
    steps: Floats
    """ln loss of the highest group less that of the lowest, shape (n_cells,)."""
    p_value: float


def about_unnamed_sets(points: Points) -> tuple[Finding, ...]:
    """Return the finding `unnamed-sets` where runs of the same N and D are plainly of several kinds."""
    splits = [split for n_sets in _NUMBERS if (split := _split(points, n_sets)) is not None]
    split = min(splits, key=lambda found: found.p_value, default=None)
    if split is None or split.p_value > _IMPLAUSIBLE:
        return ()
    sure = split.p_value < _SURE
    typical, largest = np.expm1([np.median(split.steps), split.steps.max()])
    return (
        Finding(
            code="unnamed-sets",
            severity="error" if sure and typical > _GRAVE else "warning",
            message=f"{len(split.points)} runs share their N and D with others, and there losses differ by "
            f"{typical:.1%} (median; at most {largest:.1%}) and fall into {split.group.max() + 1} groups, as "
            f"noise does not: they {'are not' if sure else 'seem not to be'} of one set (data, tokenizer, "
            f"architecture, learning rate). {_example(split)}",
            action="add a column, e.g. `set`, that names the set of each run, and fit one at a time: "
            f"{text_argument('where', {'set': 'NAME'})}; of runs that differ in learning rate, keep the best",
            value=split.p_value,
            threshold=_IMPLAUSIBLE,
        ),
    )


def _example(split: _Split) -> str:
    """Name the lowest and the highest run of the N and D whose step is the middle one."""
    middle = int(np.argsort(split.steps, kind="stable")[len(split.steps) // 2])
    points = split.points.only(split.cell == middle)
    low, high = int(np.argmin(points.loss)), int(np.argmax(points.loss))
    return (
        f"E.g. at N = {points.n_params[low]:.3g} and D = {points.n_units[low]:.3g}, {points.run_ids[low]} "
        f"has L = {points.loss[low]:.4g}, {points.run_ids[high]} has L = {points.loss[high]:.4g}."
    )


def _split(points: Points, n_sets: int) -> _Split | None:
    """Cut cells of so many runs or more; None where they are few, or one group holds next to no runs."""
    label, counts = _numbered(_nearly(points.n_params, points.n_units))
    points = points.only(counts[label] >= n_sets)
    cell, counts = _numbered(label[counts[label] >= n_sets])
    if len(counts) < _FEWEST_CELLS:
        return None
    group = _groups(np.log(points.loss), cell, n_sets)
    if np.bincount(group).min() < _LEAST_SHARE * len(points):
        return None
    return _Split(
        points, cell, group, _steps(np.log(points.loss), cell, group), _p_value(points, cell, group)
    )


def _nearly(*quantities: Floats) -> Floats:
    """Return logarithms so coarse that hardly different quantities have the same, shape (n_runs, n)."""
    return np.stack([np.round(np.log(quantity) / _SAME) for quantity in quantities], axis=1)


def _numbered(values: NDArray[Any]) -> tuple[Rows, Rows]:
    """Number the distinct rows of an array; return the number of each row and how many have each number."""
    _, number, counts = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    return number.ravel(), counts  # numpy 2.0 alone gives it a second axis


def _groups(log_loss: Floats, cell: Rows, n_sets: int) -> Rows:
    """Cut the runs of every cell at its widest gaps; return the group of each run."""
    group = np.zeros_like(cell)
    for number in range(int(cell.max()) + 1):
        rows = np.flatnonzero(cell == number)
        rows = rows[np.argsort(log_loss[rows], kind="stable")]
        cuts = np.argsort(-np.diff(log_loss[rows]), kind="stable")[: n_sets - 1]
        group[rows] = np.searchsorted(np.sort(cuts), np.arange(len(rows)))
    return group


def _p_value(points: Points, cell: Rows, group: Rows) -> float:
    """Return how likely noise leaves so little scatter around steps that are linear in ln N and ln D."""
    columns = [np.ones(len(points)), np.log(points.n_params), np.log(points.n_units)]
    steps = [(group >= k) * column for k in range(1, int(group.max()) + 1) for column in columns]
    X = np.stack([_within(step, cell) for step in steps], axis=1)
    y = _within(np.log(points.loss), cell)
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    n_free = len(points) - int(cell.max()) - 1
    noise = float(y @ y) / n_free / len(np.unique(group)) ** 2
    alike = _alike(points, cell, _steps(left, cell, group))
    spare = n_free / alike - float(np.linalg.matrix_rank(X))
    return float(chdtr(spare, float(left @ left) / alike / noise)) if spare > 0 and noise > 0 else 1.0


def _alike(points: Points, cell: Rows, misses: Floats) -> float:
    """Return how many cells of one size say no more than one does, because the same runs went through them.

    Checkpoints of one run, or runs of one seed, err alike: then misses of a size do not average out.
    """
    first = np.unique(cell, return_index=True)[1]
    size, counts = _numbered(_nearly(points.n_params[first]))
    of_sizes = np.bincount(size, misses) ** 2 / counts
    alike = float(of_sizes.mean() / max(np.mean(misses**2), 1e-300))
    return float(np.clip(alike, 1.0, len(misses) / len(counts)))


def _steps(values: Floats, cell: Rows, group: Rows) -> Floats:
    """Return the mean of the highest group less that of the lowest, shape (n_cells,)."""
    highest, lowest = group == group.max(), group == 0
    return _means(values[highest], cell[highest]) - _means(values[lowest], cell[lowest])


def _within(values: Floats, cell: Rows) -> Floats:
    return values - _means(values, cell)[cell]


def _means(values: Floats, cell: Rows) -> Floats:
    means: Floats = np.bincount(cell, values) / np.bincount(cell)
    return means
