"""A surface fitted to the runs below some compute, as if those above had not been trained yet."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.counting import robust_scale
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.projection import Runs, project
from flops_fit.fit.robust import RobustFit, huber, refine

_ORIGINS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the runs, lowest compute first, that the backtest sees."""
_LEAST_STEP = 0.05
"""Difference of ln C from which on runs lie above others."""
_STEPS = 40
_RIDGE = 1e-9


class Folds(NamedTuple):
    """Fits to the runs below several origins."""

    seen: NDArray[np.bool_]
    """Runs fitted, shape (n_origins, n_runs)."""
    ahead: NDArray[np.bool_]
    """Runs above, of the same shape."""
    work: Floats
    """Working parameters, shape (n_origins, n_work)."""
    residuals: Floats
    """Of all runs, shape (n_origins, n_runs)."""


def rolling_origins(flops: Floats, fewest: int) -> NDArray[np.bool_]:
    """Return which runs are seen from each origin, shape (n_origins, n_runs).

    Args:
        flops: Compute of the runs, shape (n_runs,).
        fewest: Runs that must be seen.
    """
    levels = np.quantile(flops, _ORIGINS, method="lower")
    seen = np.unique(flops <= levels[:, None] * (1 + _LEAST_STEP), axis=0)
    n_seen = seen.sum(axis=1)
    enough: NDArray[np.bool_] = seen[(n_seen >= fewest) & (n_seen < len(flops))]
    return enough


def fit_folds(
    surface: FormSurface,
    loss: Floats,
    fit: RobustFit,
    seen: NDArray[np.bool_],
    kept: NDArray[np.bool_] | None = None,
) -> Folds:
    """Fit the surface from every origin, all at once, judging residuals as the fit to all runs does.

    Args:
        surface: What is fitted.
        loss: Losses, shape (n_runs,).
        fit: The fit to all runs.
        seen: Runs seen from each origin, shape (n_origins, n_runs).
        kept: Those of them that count, of the same shape; all where None.
    """
    counts = (seen if kept is None else seen & kept).astype(np.float64)
    runs = Runs(surface.n_params, surface.n_units, loss)
    projected = project(surface.form, runs, counts * surface.root_weights**2)
    work = np.repeat(fit.work[None], len(seen), axis=0) if projected is None else surface.inside(projected)
    response = surface.response(loss)
    rough = robust_scale((response - surface.fitted(work)[0])[counts > 0])
    for judged in (huber(max(rough, fit.scale)), fit.loss):
        found = refine(surface, response, work, counts=counts, loss=judged, steps=_STEPS, tolerance=1e-6)
        work = found.work
    return Folds(seen, ~seen, work, found.residuals)


def covariances(
    surface: FormSurface,
    fit: RobustFit,
    work: Floats,
    *,
    counts: Floats,
    cluster: Rows,
    residuals: Floats,
) -> Floats:
    """Return the covariances of fits by the sandwich over clusters, shape (batch, n_work, n_work).

    Parameters on a bound do not vary.

    Args:
        surface: What was fitted.
        fit: The fit to all runs, whose loss judges residuals.
        work: Working parameters, shape (batch, n_work).
        counts: How often each run counts, shape (batch, n_runs).
        cluster: Number of the cluster of each run, shape (n_runs,); residuals within one go together.
        residuals: Of the fits, shape (batch, n_runs).
    """
    slopes = surface.fitted(work)[1]
    slopes = slopes * ((work > surface.lower()) & (work < surface.upper()))[:, None, :]
    weight = fit.loss.weight(residuals)
    scores = slopes * (counts * weight * residuals)[..., None]
    summed = np.zeros((int(cluster.max()) + 1, len(work), work.shape[1]))
    np.add.at(summed, cluster, scores.swapaxes(0, 1))
    meat = summed.transpose(1, 2, 0) @ summed.swapaxes(0, 1)
    bend = _influence_slope(fit, residuals, counts)
    normal = (slopes * (counts * bend[:, None])[..., None]).swapaxes(1, 2) @ slopes
    varies = np.einsum("bpp->bp", normal) > 0
    normal = normal + fit.loss.variance * surface.pull(work).bend * (varies[:, :, None] & varies[:, None, :])
    diagonal = np.einsum("bpp->bp", normal)
    size = np.sqrt(np.where(varies, diagonal, 1.0))
    outer = size[:, :, None] * size[:, None, :]
    eye = np.eye(work.shape[1])
    bread = np.linalg.inv(normal / outer + (_RIDGE + ~varies)[:, :, None] * eye) / outer * varies[:, :, None]
    seen = np.array([len(np.unique(cluster[row > 0])) for row in counts])
    spare = np.maximum(seen - work.shape[1], 1)
    covariance: Floats = bread @ meat @ bread * (seen / spare)[:, None, None]
    return covariance


def _influence_slope(fit: RobustFit, residuals: Floats, counts: Floats) -> Floats:
    """Return by how much less than a square's the loss bends on average, shape (batch,)."""
    step = 1e-4 * fit.scale

    def influence(r: Floats) -> Floats:
        return r * fit.loss.weight(r)

    slope = (influence(residuals + step) - influence(residuals - step)) / (2 * step)
    bend: Floats = np.maximum(np.sum(counts * slope, axis=1) / np.sum(counts, axis=1), 0.1)
    return bend
