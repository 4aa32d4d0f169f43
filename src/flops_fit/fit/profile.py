"""The interval of ln N* by profiling: how far it can be pushed before the objective says no.

A third opinion beside resampling and the sandwich, for runs that are independent.

Source: the likelihood-ratio test of M-estimates, Heritier and Ronchetti 1994,
doi:10.1080/01621459.1994.10476822.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from flops_fit.fit.arrays import Floats
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.robust import RobustFit

_SEARCHES, _STEPS = 5, 6
_DIFFERENCE = 1e-4
_DAMPING = 1e-9
_FOUND = 0.1
"""Share of the allowed rise of the objective to which an end of the interval is found."""
_SIDES = np.array([-1.0, 1.0])

Answer = Callable[[Floats], Floats]
"""From working parameters, shape (batch, n_work), to what is asked of each, e.g. ln N*."""


def profile_width(
    surface: FormSurface, response: Floats, fit: RobustFit, answer: Answer, level: float = 0.95
) -> float | None:
    """Return the width of the interval of `answer`; None where one of its ends is not found.

    Args:
        surface: What was fitted.
        response: What the surface should give, shape (n_runs,).
        fit: The fit.
        answer: What is asked.
        level: Of the interval.
    """
    best, allowed = float(answer(fit.work[None])[0]), _allowed_rise(fit, level)
    work = np.repeat(fit.work[None], 2, axis=0)
    reach = _first_reach(surface, response, fit, answer, allowed)
    for _ in range(_SEARCHES):
        for _ in range(_STEPS):
            work = _step(surface, response, fit, answer, work=work, target=best + _SIDES * reach)
        residuals = response - surface.fitted(work)[0]
        pulled = fit.loss.variance * (surface.pull(work).cost - surface.pull(fit.work[None]).cost)
        rise = fit.loss.cost(residuals).sum(axis=1) - fit.loss.cost(fit.residuals).sum() + pulled
        arrived = np.abs(answer(work) - best - _SIDES * reach) < _FOUND * reach
        if np.all(arrived & (np.abs(rise / allowed - 1) < _FOUND)):
            return float(reach.sum())
        reach = reach * np.sqrt(np.clip(allowed / np.maximum(rise, 1e-3 * allowed), 0.25, 4.0))
    return None


def _allowed_rise(fit: RobustFit, level: float) -> float:
    """Return by how much the objective may rise within the interval."""
    dof = max(len(fit.residuals) - len(fit.work), 1)
    step = 1e-4 * fit.scale

    def influence(r: Floats) -> Floats:
        return r * fit.loss.weight(r)

    bend = np.sum(influence(fit.residuals + step) - influence(fit.residuals - step)) / (2 * step)
    variance = np.sum(influence(fit.residuals) ** 2) / max(float(bend), 1e-300) * len(fit.residuals) / dof
    return float(variance * stdtrit(dof, 0.5 + level / 2) ** 2 / 2)


def _first_reach(
    surface: FormSurface, response: Floats, fit: RobustFit, answer: Answer, allowed: float
) -> Floats:
    """Return how far the answer would be pushed if the objective were a parabola, shape (2,)."""
    _, hessian = _normal_equations(surface, response, fit, fit.work[None])
    gradient = _gradient(answer, fit.work[None])
    squared = 2 * allowed * np.einsum("bp,bp->b", gradient, _solved(hessian, gradient))
    return np.repeat(np.sqrt(np.maximum(squared, 1e-16)), 2)


def _step(
    surface: FormSurface,
    response: Floats,
    fit: RobustFit,
    answer: Answer,
    *,
    work: Floats,
    target: Floats,
) -> Floats:
    """Improve the objective as far as the answer, to first order, moves to its target."""
    downhill, hessian = _normal_equations(surface, response, fit, work)
    gradient = _gradient(answer, work)
    free, along = _solved(hessian, downhill), _solved(hessian, gradient)
    missing = target - answer(work) - np.einsum("bp,bp->b", gradient, free)
    step = free + along * (missing / np.maximum(np.einsum("bp,bp->b", gradient, along), 1e-100))[:, None]
    moved: Floats = np.clip(work + np.clip(step, -1.0, 1.0), surface.lower(), surface.upper())
    return moved


def _normal_equations(
    surface: FormSurface, response: Floats, fit: RobustFit, work: Floats
) -> tuple[Floats, Floats]:
    fitted, slopes = surface.fitted(work)
    slopes = slopes * ((work > surface.lower()) & (work < surface.upper()))[:, None, :]
    residuals = response - fitted
    weighted = (slopes * fit.loss.weight(residuals)[..., None]).swapaxes(1, 2)
    pull, free = surface.pull(work), (work > surface.lower()) & (work < surface.upper())
    bend = fit.loss.variance * pull.bend * (free[:, :, None] & free[:, None, :])
    downhill = (weighted @ residuals[..., None])[..., 0] + fit.loss.variance * pull.towards * free
    return downhill, weighted @ slopes + bend


def _solved(hessian: Floats, right: Floats) -> Floats:
    """Solve the normal equations scaled to unit diagonal; parameters on a bound do not move."""
    diagonal = np.einsum("bpp->bp", hessian)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = hessian / (size[:, :, None] * size[:, None, :])
    scaled = scaled + (_DAMPING + (diagonal <= 0))[:, :, None] * np.eye(hessian.shape[1])
    solved: Floats = np.linalg.solve(scaled, (right / size)[..., None])[..., 0] / size * (diagonal > 0)
    return solved


def _gradient(answer: Answer, work: Floats) -> Floats:
    """Return the slopes of the answer, shape of `work`."""
    n_work = work.shape[1]
    steps = _DIFFERENCE * np.concatenate([np.eye(n_work), -np.eye(n_work)])
    moved = answer((work[:, None, :] + steps).reshape(-1, n_work)).reshape(len(work), 2, n_work)
    slopes: Floats = (moved[:, 0] - moved[:, 1]) / (2 * _DIFFERENCE)
    return slopes
