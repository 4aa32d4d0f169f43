"""How runs scatter around their parabolas: by how much, and which of them scatter alike.

Runs of one size in one budget repeat each other: part of their scatter is the parabola's misfit at that size,
which no number of seeds averages away. Runs of one trunk share their first steps, so what luck they had there
shows at every budget that the trunk passes.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from flops_fit.fit.arrays import Floats, Ints
from flops_fit.fit.budgets import Budget
from flops_fit.fit.counting import robust_scale
from flops_fit.fit.parabola import Parabola

_PRIOR_VARIANCE, _PRIOR_RUNS = 0.003**2, 3
"""Scatter of 0.3%, which is worth three runs."""
FEWEST_REPEATS = 8
"""Repeats to spare from which on they tell luck from misfit."""
_OUTLYING = 9.0
"""Times their usual variance, beyond which repeats of one budget say nothing more."""
_TRUNK_CORRELATION, _PRIOR_PAIRS = 0.34, 8
"""Correlation between neighbouring budgets of one trunk, as measured on eight pairs of our own runs."""
_HIGHEST_CORRELATION = 0.95


def beliefs(
    budgets: Sequence[Budget], log_loss: Sequence[Floats], near: Sequence[NDArray[np.bool_]], noise: float
) -> list[Floats]:
    """Return what each run counts for: 1, less where runs repeat each other, 0 where it is not `near`.

    The mean of n runs whose scatter correlates by r is worth n / (1 + (n - 1)·r) independent ones (the design
    effect of Kish 1965, Survey Sampling), so that rows which are mere copies count once together.
    """
    likeness = _likeness(budgets, log_loss, near, noise)
    repeats = [np.bincount(b.sizes)[b.sizes] for b in budgets]
    return [np.where(m, 1 / (1 + (n - 1) * likeness), 0.0) for m, n in zip(near, repeats, strict=True)]


def _likeness(
    budgets: Sequence[Budget], log_loss: Sequence[Floats], near: Sequence[NDArray[np.bool_]], noise: float
) -> float:
    """Return the share of a run's variance that runs of its size have in common; 0 where few repeat.

    What repeats differ by is luck (pure error); scatter beyond that is the parabola's misfit at a size. Runs
    are independent until repeats show otherwise: the share is as large as it is with 95% confidence.
    """
    each = [_repeats(b.sizes[m], y[m]) for b, y, m in zip(budgets, log_loss, near, strict=True)]
    squares, dof = np.array(each).T
    if dof.sum() < FEWEST_REPEATS:
        return 0.0
    pure = np.minimum(squares, _OUTLYING * dof * noise**2).sum() / chdtri(dof.sum(), 0.95)
    return float(np.clip(1 - pure / noise**2, 0, 1))


def _repeats(sizes: Ints, log_loss: Floats) -> tuple[float, int]:
    """Return the squares of runs around the mean of their size, and how many of them are to spare."""
    n = np.bincount(sizes)
    mean = np.bincount(sizes, weights=log_loss) / np.maximum(n, 1)
    return float(np.sum((log_loss - mean[sizes]) ** 2)), int(np.sum(np.maximum(n - 1, 0)))


def pooled_noise(parabolas: Sequence[Parabola], noise: float) -> float:
    """Return the standard deviation of a run's ln loss around its parabola; `noise` if no run is to spare.

    No budget counts for more than four times the median.
    """
    spare = [p for p in parabolas if p.dof > 0]
    if not spare:
        return noise
    dof = np.array([p.dof for p in spare])
    each = np.array([p.squares for p in spare]) / np.maximum(dof, 0.5)
    squares = np.sum(np.minimum(each, 4 * np.median(each)) * dof) + _PRIOR_RUNS * _PRIOR_VARIANCE
    return float(np.sqrt(squares / (dof.sum() + _PRIOR_RUNS)))


def typical_miss(parabolas: Sequence[Parabola]) -> float:
    """Return the robust scale of all residuals, also of runs that were ignored; 0 if no run is to spare.

    A parabola may pass through three runs whatever they scatter by, so its three smallest residuals are left
    out, as Maechler's `lmrob.lar` does for least absolute deviations (R package robustbase).
    """
    spare = np.concatenate([np.sort(np.abs(p.misses))[3:] for p in parabolas])
    return robust_scale(spare) if len(spare) else 0.0


def share_trunks(budgets: Sequence[Budget]) -> bool:
    """Whether any trunk has runs at more than one budget."""
    trunks = np.concatenate([np.unique(b.trunk) for b in budgets])
    return len(np.unique(trunks)) < len(trunks)


def trunk_correlation(budgets: Sequence[Budget], parabolas: Sequence[Parabola], noise: float) -> float:
    """Return how the scatter of runs of one trunk correlates between budgets.

    Residuals of neighbouring budgets are multiplied trunk by trunk and compared with what a correlation of 1
    would give after each parabola has taken its share (method of moments), beside a prior.
    """
    products, expected = _PRIOR_PAIRS * _TRUNK_CORRELATION, float(_PRIOR_PAIRS)
    for (b, p), (c, q) in pairwise(zip(budgets, parabolas, strict=True)):
        same = (b.trunk[:, None] == c.trunk).astype(np.float64)
        products += float(np.nan_to_num(p.residuals) @ same @ np.nan_to_num(q.residuals)) / noise**2
        expected += float(np.sum(_residual_maker(p) @ same @ _residual_maker(q).T * same))
    return float(np.clip(products / expected, 0, _HIGHEST_CORRELATION))


def _residual_maker(parabola: Parabola) -> Floats:
    """Return how residuals move with the ln loss of each run, shape (n_runs, n_runs)."""
    maker: Floats = np.eye(len(parabola.residuals)) - parabola.powers @ parabola.response
    maker[np.isnan(parabola.residuals)] = 0
    return maker


def covariance_of(
    budgets: Sequence[Budget], response: Sequence[Floats], variance: Floats, *, by_runs: Floats, shared: float
) -> Floats:
    """Return the covariance of what each budget shows, shape (n_budgets, n_budgets).

    Args:
        budgets: The budgets.
        response: For each, how what it shows moves with the ln loss of each run, shape (n_runs,).
        variance: Of what each budget shows; the diagonal.
        by_runs: As much of it as the scatter of the runs explains, more or less.
        shared: Covariance of two runs of one trunk.
    """
    n_trunks = 1 + max(int(b.trunk.max()) for b in budgets)
    luck = np.array(
        [np.bincount(b.trunk, weights=r, minlength=n_trunks) for b, r in zip(budgets, response, strict=True)]
    )
    explained = shared * np.sum(luck**2, axis=1)
    luck *= np.sqrt(shared * np.minimum(variance, by_runs) / np.maximum(by_runs, explained))[:, None]
    covariance: Floats = luck @ luck.T
    np.fill_diagonal(covariance, variance)
    return covariance
