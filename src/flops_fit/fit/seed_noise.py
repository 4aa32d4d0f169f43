"""What seeds say about noise: how far runs scatter that differ in nothing else, and how that depends on C.

Every seed stays a row of the fit. Where noise depends on compute, rows count by its inverse variance; the
variance of a single cell is never used, for three seeds know it within a factor ten only.
"""

import numpy as np
from scipy.special import chdtri

from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.counting import robust_scale
from flops_fit.fit.run_noise import RunNoise

_FEWEST_DOF = 8
_FEWEST_LEVELS, _MOST_LEVELS = 3, 7
_CELLS_PER_LEVEL = 3
_CERTAIN = 2.0
"""Standard errors from which on noise is taken to depend on compute."""


def read_seed_noise(flops: Floats, response: Floats, residuals: Floats, cell: Rows) -> RunNoise | None:
    """Fit the line to robust variances between seeds; None where seeds are few or noise the same everywhere.

    Args:
        flops: Compute of the runs, shape (n_runs,), as are the arrays below.
        response: What is fitted, e.g. ln loss.
        residuals: What a first fit leaves of it.
        cell: Number of the (N, D) cell of each run.
    """
    levels = _levels(flops, response, cell)
    if levels is None:
        return None
    log_flops, log_variance, error = levels
    centre = float(np.average(log_flops, weights=error**-2))
    (at_centre, slope), sd = _line(log_flops - centre, log_variance, error)
    if abs(slope) < _CERTAIN * sd:
        return None
    seeds = RunNoise(at_centre=at_centre, slope=slope, centre=centre).variance(flops)
    tau = float(np.sqrt(max(0.0, robust_scale(residuals) ** 2 - float(np.mean(seeds)))))
    return RunNoise(at_centre=at_centre, slope=slope, centre=centre, tau=tau).normalised(flops)


def _levels(flops: Floats, response: Floats, cell: Rows) -> tuple[Floats, Floats, Floats] | None:
    """Return ln C, ln variance and the error of the latter for groups of cells of neighbouring compute."""
    counts = np.bincount(cell)
    mean = np.bincount(cell, response) / np.maximum(counts, 1)
    squares = np.bincount(cell, (response - mean[cell]) ** 2)
    log_flops = np.bincount(cell, np.log(flops)) / np.maximum(counts, 1)
    shared = np.flatnonzero((counts > 1) & (squares > 0))
    shared = shared[np.argsort(log_flops[shared], kind="stable")]
    n_levels = min(_MOST_LEVELS, len(shared) // _CELLS_PER_LEVEL)
    if (counts[shared] - 1).sum() < _FEWEST_DOF or n_levels < _FEWEST_LEVELS:
        return None
    dof = counts - 1
    typical = squares[shared] / chdtri(
        dof[shared], 0.5
    )  # the median of chi-squared, robust to a diverged seed
    groups = np.array_split(np.arange(len(shared)), n_levels)
    return (
        np.array([log_flops[shared[g]].mean() for g in groups]),
        np.array([np.log(np.median(typical[g])) for g in groups]),
        np.array([np.sqrt(np.pi / dof[shared[g]].sum()) for g in groups]),
    )


def _line(x: Floats, y: Floats, error: Floats) -> tuple[tuple[float, float], float]:
    """Return level and slope of a weighted line and the standard error of the slope; `x` is centred."""
    weight = error**-2
    spread = float(np.sum(weight * x**2))
    slope = float(np.sum(weight * x * y)) / max(spread, 1e-12)
    return (float(np.average(y, weights=weight)), slope), max(spread, 1e-12) ** -0.5
