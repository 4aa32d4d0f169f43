"""Robust nonlinear least squares on the responses of a surface, many weightings of the same runs at once.

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
    """A response (ln loss, say) over the runs of one table, as a function of working parameters."""

    def fitted(self, work: Floats) -> tuple[Floats, Floats]:
        """Return responses, shape (batch, n_runs), and their slopes, shape (batch, n_runs, n_work)."""

    def pull(self, work: Floats) -> "Pull":
        """Return what is expected of the parameters whatever the runs say."""

    def lower(self) -> Floats:
        """Return the least allowed working parameters."""

    def upper(self) -> Floats:
        """Return the largest allowed working parameters."""


_PART = 250
"""Fits that are improved at the same time, so that their slopes stay in the cache."""
_ENOUGH_FOR_TUKEY = 20
_ROUNDING = 1e-6
"""Residual of ln loss below which there is nothing left to fit: tables round losses more than that."""

_STEPS = 1000
"""Within which a fit arrives if ever: along a bent valley of seven parameters it takes several hundred."""
_ON_THE_WAY = 1e-6
"""How closely a fit arrives that only serves to find the scale of the residuals."""


class Pull(NamedTuple):
    """What is expected of each of a batch of parameters, in units of the variance of a residual."""

    cost: Floats
    """What missing it costs, shape (batch,)."""
    towards: Floats
    """How fast that falls along each parameter, shape (batch, n_work)."""
    bend: Floats
    """Its curvature there, shape (batch, n_work, n_work)."""


class RobustLoss(NamedTuple):
    """A cost per residual and the weight that makes reweighted least squares minimise it."""

    cost: Callable[[Floats], Floats]
    weight: Callable[[Floats], Floats]
    variance: float = 0.0
    """Of a residual, by which what is expected of parameters counts; 0 where it does not."""


class Refined(NamedTuple):
    """What became of each of a batch of fits."""

    work: Floats
    """Working parameters, shape (batch, n_work)."""
    residuals: Floats
    """Shape (batch, n_runs)."""
    cost: Floats
    """What was minimised, shape (batch,)."""
    left: Floats
    """Share by which one more step promises to lower the sum of squares; about 0 where a fit has arrived,
    judged by the projected gradient in the metric of the normal equations; shape (batch,)."""


def huber(delta: float, *, scale: float = 0.0) -> RobustLoss:
    """Return Huber's loss: squares up to `delta`, straight beyond (doi:10.1214/aoms/1177703732).

    `scale` is the standard deviation of a residual; 0 expects nothing of parameters.
    """

    def cost(r: Floats) -> Floats:
        size = np.abs(r)
        return np.where(size <= delta, r**2 / 2, delta * (size - delta / 2))

    return RobustLoss(cost, lambda r: delta / np.maximum(np.abs(r), delta), scale**2)


def tukey(cutoff: float, *, scale: float = 0.0) -> RobustLoss:
    """Return the bisquare loss, constant beyond `cutoff` (Beaton and Tukey 1974, doi:10.2307/1267936).

    `scale` is the standard deviation of a residual; 0 expects nothing of parameters.
    """

    def cost(r: Floats) -> Floats:
        outside: Floats = 1 - np.clip(1 - (r / cutoff) ** 2, 0, 1) ** 3
        return cutoff**2 / 6 * outside

    return RobustLoss(cost, lambda r: bisquare(r, cutoff), scale**2)


def judged_by(scale: float, n_runs: int) -> RobustLoss:
    """Return how residuals of some standard deviation are judged: by the bisquare, few by Huber's loss.

    Both are 95% efficient under normal noise; Huber's has a single minimum.
    """
    if n_runs < _ENOUGH_FOR_TUKEY:
        return huber(1.345 * scale, scale=scale)
    return tukey(4.685 * scale, scale=scale)


def refine(
    surface: Surface,
    response: Floats,
    work: Floats,
    *,
    counts: Floats,
    loss: RobustLoss,
    steps: int,
    tolerance: float = 1e-9,
) -> Refined:
    """Improve each of a batch of parameters until it stops moving or `steps` are spent.

    Args:
        surface: What is fitted.
        response: What the surface should give, shape (n_runs,).
        work: Where to start, shape (batch, n_work).
        counts: How often each run counts in each fit, shape (batch, n_runs).
        loss: How residuals are judged.
        steps: Levenberg-Marquardt steps at most.
        tolerance: A fit is left alone once no parameter moves by more, relative to 1 + its size.
    """
    slices = [slice(i, i + _PART) for i in range(0, len(work), _PART)]
    parts = [
        _refine_part(surface, response, work[s], counts[s], loss, steps=steps, tolerance=tolerance)
        for s in slices
    ]
    return Refined(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _refine_part(
    surface: Surface,
    response: Floats,
    work: Floats,
    counts: Floats,
    loss: RobustLoss,
    *,
    steps: int,
    tolerance: float,
) -> Refined:
    lower, upper = surface.lower(), surface.upper()
    state = _judged(surface, response, work.copy(), counts, loss)
    damping, moving = np.full(len(work), 1e-3), np.arange(len(work))
    for _ in range(steps):
        now = _State(*(field[moving] for field in state))
        step = _damped_step(now, damping[moving], _held(now, lower, upper))
        trial = np.clip(now.work + np.clip(step, -1.0, 1.0), lower, upper)
        new = _judged(surface, response, trial, counts[moving], loss)
        better = new.cost <= now.cost
        for field, value in zip(state, new, strict=True):
            field[moving[better]] = value[better]
        damping[moving] = np.clip(damping[moving] * np.where(better, 0.1, 10.0), 1e-12, 1e12)
        moving = moving[np.any(np.abs(trial - now.work) >= tolerance * (1 + np.abs(now.work)), axis=1)]
        if not len(moving):
            break
    return Refined(state.work, state.residuals, state.cost, _left(state, _held(state, lower, upper)))


class _State(NamedTuple):
    """Parameters of a batch of fits, how good they are and the normal equations there."""

    work: Floats
    residuals: Floats
    cost: Floats
    squares: Floats
    gradient: Floats
    hessian: Floats


def _judged(surface: Surface, response: Floats, work: Floats, counts: Floats, loss: RobustLoss) -> _State:
    fitted, slopes = surface.fitted(work)
    residuals = response - fitted
    weights = counts * loss.weight(residuals)
    weighted = slopes * weights[..., None]
    transposed, pull = weighted.swapaxes(1, 2), surface.pull(work)
    return _State(
        work=work,
        residuals=residuals,
        cost=np.sum(counts * loss.cost(residuals), axis=1) + loss.variance * pull.cost,
        squares=np.sum(weights * residuals**2, axis=1),
        gradient=(transposed @ residuals[..., None])[..., 0] + loss.variance * pull.towards,
        hessian=transposed @ slopes + loss.variance * pull.bend,
    )


def _held(state: _State, lower: Floats, upper: Floats) -> NDArray[np.bool_]:
    """Tell which parameters are on a bound that the data would have them cross."""
    return ((state.work <= lower) & (state.gradient < 0)) | ((state.work >= upper) & (state.gradient > 0))


def _damped_step(state: _State, damping: Floats, held: NDArray[np.bool_]) -> Floats:
    """Solve the damped normal equations, scaled to unit diagonal; parameters that are held do not move."""
    gradient = np.where(held, 0.0, state.gradient)
    hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, state.hessian)
    diagonal = np.einsum("bpp->bp", hessian)
    size, eye = np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), np.eye(gradient.shape[1])
    scaled = hessian / (size[:, :, None] * size[:, None, :])
    scaled = scaled + ((damping + 1e-12)[:, None] + np.where(diagonal > 0, 0.0, 1.0))[:, :, None] * eye
    step: Floats = np.linalg.solve(scaled, (gradient / size)[..., None])[..., 0] / size
    return step


def _left(state: _State, held: NDArray[np.bool_]) -> Floats:
    step = _damped_step(state, np.full(len(held), 1e-10), held)
    promised = np.sum(step * np.where(held, 0.0, state.gradient), axis=1)
    left: Floats = promised / (state.squares + _ROUNDING**2 * state.residuals.shape[1])
    return left


class RobustFit(NamedTuple):
    """One table's fit."""

    work: Floats
    """Working parameters, shape (n_work,)."""
    residuals: Floats
    """Shape (n_runs,)."""
    scale: float
    """Robust standard deviation of the residuals."""
    loss: RobustLoss
    """What was minimised."""
    left: float
    """Share by which one more step promises to lower the objective; see `Refined.left`."""


def refine_robustly(surface: Surface, response: Floats, start: Floats) -> RobustFit:
    """Fit one table from a rough start, letting the scale of the residuals emerge.

    Huber at the residual scale of the start, twice Huber at 1.345 scales, then `judged_by` the scale found.
    """
    once, spent = np.ones((1, len(response))), len(start)
    work = start[None]
    loss = huber(_scale(response - surface.fitted(work)[0][0], spent))
    for _ in range(3):
        work, (residuals,), _, _ = refine(
            surface, response, work, counts=once, loss=loss, steps=30, tolerance=_ON_THE_WAY
        )
        scale = _scale(residuals, spent)
        loss = huber(1.345 * scale, scale=scale)
    loss = judged_by(scale, len(response))
    work, (residuals,), _, left = refine(surface, response, work, counts=once, loss=loss, steps=_STEPS)
    return RobustFit(work[0], residuals, _scale(residuals, spent), loss, float(left[0]))


def _scale(residuals: Floats, n_fitted: int) -> float:
    spare = max(len(residuals) - n_fitted, 1)
    return max(1e-9, robust_scale(residuals) * float(np.sqrt(len(residuals) / spare)))
