"""The interpolated valley: each budget's minimum on a curve through its runs, which assumes no shape.

Source: Porian et al. 2024, arXiv:2406.19146, whose steps these are: Akima interpolation of ln loss over ln N,
the minimum on a fine grid, minima at the edge discarded, and the scatter of the minimum from simulated noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import Budget
from flops_fit.fit.counting import robust_quadratic, robust_scale

_FEWEST_SIZES = 4
_PER_INTERVAL = 25
"""Grid points between neighbouring sizes."""
_N_DRAWS = 200
_MOST_AT_EDGE = 0.5
"""Share of the draws whose minimum may lie at the edge before a budget is discarded."""
_LEAST_SD = 1 / 3
"""Least standard deviation of ln N*, as a share of the distance between the sizes around it."""
_NEAR = 1.2
"""e-folds of N around the best run by which the noise of a budget is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolatedMinimum:
    """The minimum of one budget's interpolated curve."""

    flops: float
    log_n: float
    log_n_sd: float
    log_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMinimum:
    """A budget whose interpolated curve shows no minimum."""

    flops: float
    reason: str


def interpolated_minima(budgets: Sequence[Budget]) -> tuple[InterpolatedMinimum, ...]:
    """Return the minimum of every budget that has one inside its sizes, in the order of the budgets."""
    noise = _noise(budgets)
    return tuple(m for budget in budgets if (m := _minimum(budget, noise)) is not None)


def without_minimum(
    budgets: Sequence[Budget], minima: Sequence[InterpolatedMinimum]
) -> tuple[NoMinimum, ...]:
    """Say of every budget that has none of `minima` why it has none."""
    shown = {minimum.flops for minimum in minima}
    return tuple(NoMinimum(flops=b.flops, reason=_why_none(b)) for b in budgets if b.flops not in shown)


def weighted_line(minima: Sequence[InterpolatedMinimum]) -> np.polynomial.Polynomial:
    """Return ln N* as a line in ln C through two minima or more, each weighed by its standard deviation."""
    log_flops, log_n = np.log([m.flops for m in minima]), [m.log_n for m in minima]
    return np.polynomial.Polynomial.fit(log_flops, log_n, 1, w=[1 / m.log_n_sd for m in minima])


def _minimum(budget: Budget, noise: float) -> InterpolatedMinimum | None:
    log_n, log_loss = _one_run_per_size(budget)
    if len(log_n) < _FEWEST_SIZES:
        return None
    grid = _grid(log_n)
    curve = Akima1DInterpolator(log_n, log_loss)(grid)
    i = int(curve.argmin())
    noisy = log_loss[:, None] + noise * _normal(len(log_n))
    lowest = Akima1DInterpolator(log_n, noisy)(grid).argmin(axis=0)
    inside = (lowest > 0) & (lowest < len(grid) - 1)
    if not 0 < i < len(grid) - 1 or inside.mean() <= _MOST_AT_EDGE:
        return None
    at = int(np.clip(np.searchsorted(log_n, grid[i]), 1, len(log_n) - 1))
    sd = float(np.std(grid[lowest[inside]]) / inside.mean())
    return InterpolatedMinimum(
        flops=budget.flops,
        log_n=float(grid[i]),
        log_n_sd=max(sd, _LEAST_SD * float(log_n[at] - log_n[at - 1])),
        log_loss=float(curve[i]),
    )


def _grid(log_n: Floats) -> Floats:
    n_steps = _PER_INTERVAL * (len(log_n) - 1)
    grid: Floats = np.interp(np.arange(n_steps + 1) / _PER_INTERVAL, np.arange(len(log_n)), log_n)
    return grid


def _why_none(budget: Budget) -> str:
    log_n, log_loss = _one_run_per_size(budget)
    if len(log_n) < _FEWEST_SIZES:
        return f"fewer than {_FEWEST_SIZES} sizes"
    grid = _grid(log_n)
    if Akima1DInterpolator(log_n, log_loss)(grid).argmin() in {0, len(grid) - 1}:
        return "least loss at the first or last size"
    return "noise may put the least loss at the first or last size"


def _one_run_per_size(budget: Budget) -> tuple[Floats, Floats]:
    """Average the seeds of a size; a curve has one value at each."""
    sizes, of = np.unique(np.round(budget.log_n, 3), return_inverse=True)
    return sizes, np.bincount(of, budget.log_loss) / np.bincount(of)


def _normal(n_sizes: int) -> Floats:
    """Return normal deviates that depend on nothing but their number, shape (n_sizes, n_draws)."""
    return np.random.Generator(np.random.Philox(0)).standard_normal((n_sizes, _N_DRAWS))


def _noise(budgets: Sequence[Budget]) -> float:
    """Return the robust standard deviation of ln loss around parabolas near the minima; 0 if none is left."""
    misses = np.concatenate([np.empty(0), *_misses(budgets)])
    return robust_scale(misses) if len(misses) else 0.0


def _misses(budgets: Sequence[Budget]) -> Iterator[Floats]:
    for budget in budgets:
        near = np.abs(budget.log_n - budget.log_n[budget.best]) <= _NEAR
        spare = int(near.sum()) - 3
        if spare > 0:
            _, misses = robust_quadratic(budget.log_n[near], budget.log_loss[near])
            yield misses * np.sqrt((spare + 3) / spare)
