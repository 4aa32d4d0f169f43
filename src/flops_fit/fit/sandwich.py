"""Intervals of a robust fit without resampling: the HC3 sandwich, a second opinion on the bootstrap.

Source: MacKinnon and White 1985, doi:10.1016/0304-4076(85)90158-7 (HC3); Huber 1967, "The behavior of maximum
likelihood estimates under nonstandard conditions" (covariance of an M-estimate).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.robust import RobustFit

_MOST_LEVERAGE = 0.95


def sandwich_width(
    surface: FormSurface, fit: RobustFit, cell: Rows, answer: Callable[[Floats], float], level: float = 0.95
) -> float | None:
    """Return the width of the interval of `answer`; None where the normal equations are singular or empty.

    Args:
        surface: What was fitted.
        fit: The fit.
        cell: Number of the (N, D) cell of each run, shape (n_runs,); residuals within one go together.
        answer: What is asked of working parameters, e.g. ln N* at some compute.
        level: Of the interval.
    """
    slopes = surface.fitted(fit.work[None])[1][0]
    free = (fit.work > surface.lower()) & (fit.work < surface.upper())
    gradient, J = _gradient(answer, fit.work)[free], slopes[:, free]
    bend = _influence_slope(fit)
    pull = fit.loss.variance * surface.pull(fit.work[None]).bend[0][np.ix_(free, free)]
    hessian = (J * bend[:, None]).T @ J + pull
    dof = len(fit.residuals) - len(gradient)
    if dof < 1 or not hessian.size or np.linalg.cond(hessian) > 1 / np.finfo(float).eps:
        return None
    leverage = np.clip(bend * np.einsum("np,pn->n", J, np.linalg.solve(hessian, J.T)), 0, _MOST_LEVERAGE)
    scores = J * (fit.residuals * fit.loss.weight(fit.residuals) / (1 - leverage))[:, None]
    by_cell = np.zeros((int(cell.max()) + 1, scores.shape[1]))
    np.add.at(by_cell, cell, scores)
    effect = by_cell @ np.linalg.solve(hessian, gradient)
    width = 2 * float(stdtrit(dof, 0.5 + level / 2)) * float(np.linalg.norm(effect))
    return width if np.isfinite(width) else None


def _influence_slope(fit: RobustFit) -> Floats:
    """Difference what a residual contributes to the gradient, shape (n_runs,)."""
    step = 1e-4 * fit.scale

    def influence(r: Floats) -> Floats:
        return r * fit.loss.weight(r)

    slope: Floats = (influence(fit.residuals + step) - influence(fit.residuals - step)) / (2 * step)
    return slope


def _gradient(answer: Callable[[Floats], float], work: Floats) -> Floats:
    steps = 1e-5 * np.eye(len(work))
    return np.array([(answer(work + step) - answer(work - step)) / 2e-5 for step in steps])
