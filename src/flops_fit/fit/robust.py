"""Robust nonlinear least squares on ln loss, many weightings of the same runs at once.

Levenberg-Marquardt steps on iteratively reweighted residuals. Whether a fit has arrived is judged by its
projected gradient and never by an optimiser's own word.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import bisquare, robust_scale


class Surface(Protocol):
    """ln loss over the runs of one table, as a function of working parameters."""

    def log_loss(self, work: Floats) -> tuple[Floats, Floats]:
        """Return ln loss, shape (batch, n_runs), and its slopes, shape (batch, n_runs, n_work)."""

    def lower(self) -> Floats:
        """Return the least allowed working parameters."""

    def upper(self) -> Floats:
        """Return the largest allowed working parameters."""


class RobustLoss(NamedTuple):
    """A cost per residual and the weight that makes reweighted least squares minimise it."""

    cost: Callable[[Floats], Floats]
    weight: Callable[[Floats], Floats]


class Refined(NamedTuple):
    """Working parameters, shape (batch, n_work), and their residuals and weights, shape (batch, n_runs)."""

    work: Floats
    residuals: Floats
    weights: Floats


def huber(delta: float) -> RobustLoss:
    """Return Huber's loss: squares up to `delta`, straight beyond (doi:10.1214/aoms/1177703732)."""

    def cost(r: Floats) -> Floats:
        size = np.abs(r)
        return np.where(size <= delta, r**2 / 2, delta * (size - delta / 2))

    return RobustLoss(cost, lambda r: delta / np.maximum(np.abs(r), delta))


def tukey(cutoff: float) -> RobustLoss:
    """Return the bisquare loss, constant beyond `cutoff` (Beaton and Tukey 1974, doi:10.2307/1267936)."""

    def cost(r: Floats) -> Floats:
        outside: Floats = 1 - np.clip(1 - (r / cutoff) ** 2, 0, 1) ** 3
        return cutoff**2 / 6 * outside

    return RobustLoss(cost, lambda r: bisquare(r, cutoff))


def refine(
    surface: Surface, log_loss: Floats, work: Floats, *, counts: Floats, loss: RobustLoss, steps: int
) -> Refined:
    """Improve each of a batch of parameters until it stops moving or `steps` are spent.

    Args:
        surface: What is fitted.
        log_loss: ln loss of the runs, shape (n_runs,).
        work: Where to start, shape (batch, n_work).
        counts: How often each run counts in each fit, shape (batch, n_runs).
        loss: How residuals are judged.
        steps: Levenberg-Marquardt steps at most.
    """
    lower, upper = surface.lower(), surface.upper()
    damping = np.full(len(work), 1e-3)
    fitted, slopes = surface.log_loss(work)
    cost = np.sum(counts * loss.cost(log_loss - fitted), axis=1)
    for _ in range(steps):
        weights = counts * loss.weight(log_loss - fitted)
        gradient, hessian = _normal_equations(log_loss - fitted, slopes, weights)
        held = ((work <= lower) & (gradient < 0)) | ((work >= upper) & (gradient > 0))
        step = _damped_step(gradient, hessian, damping, held)
        trial = np.clip(work + np.clip(step, -1.0, 1.0), lower, upper)
        trial_fitted, trial_slopes = surface.log_loss(trial)
        trial_cost = np.sum(counts * loss.cost(log_loss - trial_fitted), axis=1)
        better = trial_cost <= cost
        arrived = np.all(np.abs(trial - work) < 1e-9 * (1 + np.abs(work)), axis=1)
        work = np.where(better[:, None], trial, work)
        fitted = np.where(better[:, None], trial_fitted, fitted)
        slopes = np.where(better[:, None, None], trial_slopes, slopes)
        cost = np.where(better, trial_cost, cost)
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-12, 1e12)
        if arrived.all():
            break
    return Refined(work, log_loss - fitted, counts * loss.weight(log_loss - fitted))


def _normal_equations(residuals: Floats, slopes: Floats, weights: Floats) -> tuple[Floats, Floats]:
    weighted = slopes * weights[..., None]
    return np.einsum("bnp,bn->bp", weighted, residuals), weighted.swapaxes(1, 2) @ slopes


def _damped_step(gradient: Floats, hessian: Floats, damping: Floats, held: NDArray[np.bool_]) -> Floats:
    """Solve the damped normal equations, scaled to unit diagonal; parameters that are held do not move."""
    n_work = gradient.shape[1]
    gradient = np.where(held, 0.0, gradient)
    hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian)
    diagonal = np.einsum("bpp->bp", hessian)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = hessian / (size[:, :, None] * size[:, None, :])
    scaled = scaled + (damping[:, None] + 1e-12)[:, :, None] * np.eye(n_work)
    scaled = scaled + np.where(diagonal > 0, 0.0, 1.0)[:, :, None] * np.eye(n_work)
    step: Floats = np.linalg.solve(scaled, (gradient / size)[..., None])[..., 0] / size
    return step


def refine_robustly(surface: Surface, log_loss: Floats, start: Floats) -> tuple[Floats, float, RobustLoss]:
    """Fit one table from a rough start, letting the scale of the residuals emerge.

    Huber at the residual scale of the start, twice Huber at 1.345 scales, then bisquare at 4.685 (95%
    efficiency under normal noise); fewer than 20 runs stay with Huber.

    Returns:
        Working parameters, shape (n_work,); residual scale of ln loss; the loss that was minimised.
    """
    once = np.ones((1, len(log_loss)))
    work = start[None]
    residuals = log_loss - surface.log_loss(work)[0][0]
    loss = huber(_scale(residuals, len(start)))
    for _ in range(3):
        work, (residuals,), _ = refine(surface, log_loss, work, counts=once, loss=loss, steps=30)
        loss = huber(1.345 * _scale(residuals, len(start)))
    if len(log_loss) >= 20:
        loss = tukey(4.685 * _scale(residuals, len(start)))
    work, (residuals,), _ = refine(surface, log_loss, work, counts=once, loss=loss, steps=60)
    return work[0], _scale(residuals, len(start)), loss


def _scale(residuals: Floats, n_fitted: int) -> float:
    spare = max(len(residuals) - n_fitted, 1)
    return max(1e-9, robust_scale(residuals) * float(np.sqrt(len(residuals) / spare)))
