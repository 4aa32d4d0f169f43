"""What do runs that differ in their seed alone say about noise?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from flops_fit.design import Finding
from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.bootstrap import cells
from flops_fit.fit.findings.refits import residuals_of
from flops_fit.fit.findings.wording import budgets_named
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.valley import WINDOWS
from flops_fit.fit.valley_law import ValleyLaw

_ENOUGH_REPEATS = 8
"""Runs beyond the first of each cell, from which on seeds measure noise."""
_IMPLAUSIBLE = 0.01
_TOO_NOISY = 0.5
"""Standard deviation between seeds, over the depth of half the valley."""
_HALF_VALLEY = float(np.sqrt(8))
_REPEATS_OF_A_BUDGET = 3


def about_seeds(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    """Yield what seeds tell where there are enough of them: noise that hides the valley, more than noise."""
    if len(points) - len(np.unique(cells(points))) < _ENOUGH_REPEATS:
        return
    yield from _about_depth(points, law)
    misfit = _misfit_of_curves(points, law) if isinstance(law, ValleyLaw) else _misfit_of_surface(points, law)
    if misfit is None or misfit.p_value > _IMPLAUSIBLE:
        return
    yield Finding(
        code="more-than-seeds",
        severity="info",
        message=f"Cells scatter around the fit by {misfit.beyond_seeds:.2%} more than their seeds do "
        f"(p = {misfit.p_value:.1g}): tuning or the shape of the curve, which the intervals include.",
        action="spend compute on more sizes and budgets rather than on more seeds",
        value=misfit.p_value,
        threshold=_IMPLAUSIBLE,
    )


def _about_depth(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    noisy: list[float] = []
    worst = 0.0
    for flops, rows in _budgets(points):
        noise = _between_seeds(np.log(points.loss[rows]), cells(points)[rows])
        best = law.optimum(flops).n_params.value
        floor, wall = law.isoflop_curve(np.array([best, _HALF_VALLEY * best]), flops)
        ratio = noise / max(float(np.log(wall / floor)), 1e-9)
        noisy, worst = noisy + [flops] * (ratio > _TOO_NOISY), max(worst, ratio)
    if noisy:
        yield Finding(
            code="noisy-seeds",
            severity="warning",
            message="Runs of the same N and D differ by more than half the depth of the valley at "
            f"{budgets_named(noisy)}: single runs do not rank sizes there.",
            action="train more seeds at these budgets, or evaluate on more data; if more than their seeds "
            "differ (data, learning rate), fit one set of runs at a time",
            value=worst,
            threshold=_TOO_NOISY,
        )


def _budgets(points: Points) -> Iterator[tuple[float, Rows]]:
    """Return FLOPs and rows of the budgets that repeat cells."""
    for name in np.unique(points.budget[~np.isnan(points.budget)]):
        rows = np.flatnonzero(points.budget == name)
        if len(rows) - len(np.unique(cells(points)[rows])) >= _REPEATS_OF_A_BUDGET:
            yield float(np.median(points.flops[rows])), rows


def _between_seeds(log_loss: Floats, cell: Rows) -> float:
    squares, n_repeats = _within(log_loss, cell)
    return float(np.sqrt(squares / n_repeats))


def _within(values: Floats, cell: Rows) -> tuple[float, int]:
    """Return the squares of values around the mean of their cell, and the degrees of freedom of these."""
    _, label, counts = np.unique(cell, return_inverse=True, return_counts=True)
    means = np.bincount(label, values) / counts
    return float(np.sum((values - means[label]) ** 2)), len(values) - len(counts)


class _Misfit(NamedTuple):
    p_value: float
    beyond_seeds: float
    """Standard deviation of what cells add to the noise between seeds."""


def _misfit_of_surface(points: Points, law: SurfaceLaw) -> _Misfit | None:
    return _lack_of_fit(residuals_of(points, law), cells(points), len(law.theta))


def _misfit_of_curves(points: Points, law: ValleyLaw) -> _Misfit | None:
    """Judge a parabola per budget, through the runs around its minimum."""
    residuals, cell, n_fitted = [], [], 0
    for minimum in law.minima:
        away = np.log(points.n_params / minimum.n_params)
        of_budget = np.isclose(points.budget, minimum.flops, rtol=0.3)
        rows = np.flatnonzero(of_budget & (np.abs(away) <= WINDOWS[-1]))
        if len(np.unique(cells(points)[rows])) > 3:
            powers, log_loss = np.vander(away[rows], 3), np.log(points.loss[rows])
            residuals.append(log_loss - powers @ np.linalg.lstsq(powers, log_loss, rcond=None)[0])
            cell.append(cells(points)[rows])
            n_fitted += 3
    return _lack_of_fit(np.concatenate(residuals), np.concatenate(cell), n_fitted) if residuals else None


def _lack_of_fit(residuals: Floats, cell: Rows, n_fitted: int) -> _Misfit | None:
    """Test whether cells scatter more than their seeds; None where there is too little of either.

    Source: the F test for lack of fit of Fisher 1922, doi:10.2307/2341124.
    """
    within, n_repeats = _within(residuals, cell)
    n_cells = len(residuals) - n_repeats
    between = float(np.sum(residuals**2)) - within
    if n_repeats < _ENOUGH_REPEATS or n_cells <= n_fitted or within <= 0:
        return None
    of_cells, of_seeds = between / (n_cells - n_fitted), within / n_repeats
    beyond = max(of_cells - of_seeds, 0.0) / (len(residuals) / n_cells)
    return _Misfit(float(fdtrc(n_cells - n_fitted, n_repeats, of_cells / of_seeds)), float(np.sqrt(beyond)))
