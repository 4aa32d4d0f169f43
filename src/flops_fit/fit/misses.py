"""How much wider than resampling says intervals must be: by how much the surface missed runs above its own.

The surface is fitted below several computes. Each fit is held to what came above it, in units of what its own
uncertainty and the noise of a run explain. If the form is right, such squares are 1 on average. Where they
are larger than chance makes them once in a hundred sweeps, they are believed whole.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.folds import Folds, covariances, fit_folds, rolling_origins
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.points import Points
from flops_fit.fit.robust import RobustFit
from flops_fit.fit.surface_minima import minima_of

_CHANCE = 0.01
"""How often a right form may show larger misses than those that widen nothing."""
_LOOKS = 4
"""Independent numbers, about, in the losses of the runs ahead."""
_LARGEST = 12.0
"""Standardised miss beyond which more of it tells nothing."""
_COUNTED, _NORMAL = 0.8, 1.2816
"""Of the misses of an origin the size that this share stays below, and what that is for normal ones: a few
diverged runs ahead are no fault of the surface."""
_ROUNDING = 1e-6
"""Noise of ln loss, and variance of ln N*, below which there is nothing to explain."""
_LEAST_GROWTH = 0.25
"""Least share of the variance of ln N* from an origin that is taken to be gone once all runs are seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """By what intervals are multiplied, at least 1."""

    size: float
    """Those of N*, D* and exponents."""
    loss: float
    n_origins: int
    """From how many computes the surface was held to runs above; from none, its misfit is unknown."""


def read_inflation(surface: FormSurface, points: Points, fit: RobustFit, cluster: Rows) -> Inflation:
    """Backtest a fitted surface on its own runs.

    Args:
        surface: The surface.
        points: The runs.
        fit: The fit to all of them.
        cluster: Number of the cluster of each run, shape (n_runs,); residuals within one go together.
    """
    seen = rolling_origins(points.flops, 2 * len(fit.work))
    if not len(seen):
        return Inflation(size=1.0, loss=1.0, n_origins=0)
    folds = fit_folds(surface, points.loss, fit, seen)
    counts = np.concatenate([seen, np.ones((1, len(points)), dtype=bool)]).astype(np.float64)
    work = np.concatenate([folds.work, fit.work[None]])
    residuals = np.concatenate([folds.residuals, fit.residuals[None]])
    spread = covariances(surface, fit, work, counts=counts, cluster=cluster, residuals=residuals)
    return Inflation(
        size=_factor(_changed_sizes(surface, points, work, spread), looks=1),
        loss=_factor(_missed_losses(surface, folds, spread, fit), looks=_LOOKS),
        n_origins=len(seen),
    )


def _factor(squares: Floats, looks: float) -> float:
    """Return the root of the mean square where chance hardly explains it, else 1.

    Origins share runs, so each counts half; `looks` is how many numbers, about, each square is made of.
    """
    known = np.minimum(squares[np.isfinite(squares)], _LARGEST**2)
    if not len(known):
        return 1.0
    dof = looks * (len(known) + 1) / 2
    mean, by_chance = float(known.mean()), float(chdtri(dof, _CHANCE)) / dof
    return float(np.sqrt(mean)) if mean > by_chance else 1.0


def _missed_losses(surface: FormSurface, folds: Folds, spread: Floats, fit: RobustFit) -> Floats:
    """Return the typical squared miss of the runs above each origin, shape (n_origins,)."""
    slopes = surface.fitted(folds.work)[1]
    variance = max(fit.scale, _ROUNDING) ** 2 + np.einsum("bnp,bpq,bnq->bn", slopes, spread[:-1], slopes)
    misses = np.abs(folds.residuals) / np.sqrt(variance)
    typical = [np.quantile(row[ahead], _COUNTED) for row, ahead in zip(misses, folds.ahead, strict=True)]
    return (np.array(typical) / _NORMAL) ** 2


def _changed_sizes(surface: FormSurface, points: Points, work: Floats, spread: Floats) -> Floats:
    """Return squared changes of ln N* at the top once all runs are seen, shape (n_origins,).

    A fit to some runs differs from that to all by the difference of their variances, if the form is right.

    Source: Hausman 1978, doi:10.2307/1913827.
    """
    flops, phi = float(points.flops.max()), points.flops_per_unit
    best = surface.form.optimum(surface.theta(work[-1]), flops, phi)

    def log_n(batch: Floats) -> Floats:
        return minima_of(surface.form, surface.theta(batch), flops, phi, best.n_params)[0]

    steps = 1e-3 * np.eye(work.shape[1])
    gradient = np.stack([(log_n(work + step) - log_n(work - step)) / 2e-3 for step in steps], axis=-1)
    variance = np.einsum("bp,bpq,bq->b", gradient, spread, gradient)
    change, at_origin = log_n(work), variance[:-1]
    gone = np.maximum(at_origin - variance[-1], _LEAST_GROWTH * at_origin)
    squares: Floats = (change[:-1] - change[-1]) ** 2 / np.maximum(gone, _ROUNDING)
    return squares
