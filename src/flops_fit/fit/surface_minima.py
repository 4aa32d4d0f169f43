"""The least losses of many surfaces of one form at once."""

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.form_surface import predict_each
from flops_fit.fit.points import Points

_REACH = np.linspace(-6, 6, 241)
"""e-folds of N around the guess within which minima are sought."""


_COMPUTES = 9
"""Computes between which optima are interpolated."""


def minima_of(
    form: SurfaceForm, thetas: Floats, flops: float, flops_per_unit: FlopsPerUnit, guess: float
) -> tuple[Floats, Floats]:
    """Return ln N and loss where each surface is least, by parabolas through the lowest of a grid of sizes.

    Args:
        form: The surfaces' form.
        thetas: Their parameters, shape (batch, n_theta).
        flops: Compute, FLOPs.
        flops_per_unit: FLOPs that one data unit costs.
        guess: N around which to look.
    """
    n_params = guess * np.exp(_REACH)
    n_units = flops / flops_per_unit.at(n_params)
    with np.errstate(all="ignore"):  # far from its optimum a surface may be infinite
        curves = predict_each(form, thetas, n_params, n_units)
    curves = np.minimum(np.nan_to_num(curves, nan=1e100), 1e100)
    i = np.clip(curves.argmin(axis=1), 1, curves.shape[1] - 2)
    rows, step = np.arange(len(curves)), _REACH[1] - _REACH[0]
    left, middle, right = curves[rows, i - 1], curves[rows, i], curves[rows, i + 1]
    bend = np.maximum(left - 2 * middle + right, 1e-300)
    shift = np.clip((left - right) / (2 * bend), -1.0, 1.0)
    return np.log(guess) + _REACH[i] + shift * step, middle - (left - right) * shift / 4


def offsets_of(form: SurfaceForm, thetas: Floats, points: Points) -> Floats:
    """Return ln N - ln N*(C) of each run by each surface, shape (batch, n_runs)."""
    log_n, log_flops = np.log(points.n_params), np.log(points.flops)
    computes, guess = np.linspace(log_flops.min(), log_flops.max(), _COMPUTES), float(np.exp(log_n.mean()))
    optima = [minima_of(form, thetas, float(c), points.flops_per_unit, guess)[0] for c in np.exp(computes)]
    return np.array([log_n - np.interp(log_flops, computes, row) for row in np.transpose(optima)])
