"""Variable projection: the best parameters on a form's grid, its linear ones by least squares.

Given the parameters in which a loss surface is not linear, the rest is a small linear problem. Solving it
over a grid finds the global optimum without starting values, for any number of weightings at once.

Source: Golub and Pereyra 1973, doi:10.1137/0710036.
"""

from typing import NamedTuple

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats

_RIDGE = 1e-12
_TINY = 1e-6
"""Share of the loss that a term gets which the least squares would rather see negative."""


class Runs(NamedTuple):
    """What a surface is laid over; arrays of shape (n_runs,)."""

    n_params: Floats
    n_units: Floats
    loss: Floats


def project(form: SurfaceForm, runs: Runs, counts: Floats) -> Floats | None:
    """Return the best parameters on the form's grid for each weighting; None where the form has no grid.

    Residuals count relative to the loss, which to first order makes them residuals of ln loss.

    Args:
        form: What is fitted.
        runs: The runs.
        counts: How often each run counts, shape (batch, n_runs).

    Returns:
        Parameters, shape (batch, n_theta).
    """
    grid = form.grid(runs.n_params, runs.n_units)
    columns = None if grid is None else form.columns(grid[..., None], runs.n_params, runs.n_units)
    if grid is None or columns is None:
        return None
    size = columns.mean(axis=-1, keepdims=True)
    linear, squares = _least_squares(columns / size, runs.loss, counts, offset=form.offset is not None)
    best = squares.argmin(axis=1)
    chosen = linear[np.arange(len(best)), best] / size[:, best, 0].T
    return np.concatenate([chosen, grid[:, best].T], axis=1)


def _least_squares(columns: Floats, loss: Floats, counts: Floats, *, offset: bool) -> tuple[Floats, Floats]:
    """Solve the linear problem at every point of the grid with every weighting.

    Args:
        columns: Shape (n_linear, n_grid, n_runs).
        loss: Shape (n_runs,).
        counts: Shape (batch, n_runs).
        offset: Whether the first column may be left out where it would be negative.

    Returns:
        Coefficients, shape (batch, n_grid, n_linear), and sums of squares, shape (batch, n_grid).
    """
    weights = (counts * loss**-2.0).T
    products = np.array([[(a * b) @ weights for b in columns] for a in columns])
    gram, target = np.moveaxis(products, (0, 1), (-2, -1)), np.moveaxis((columns * loss) @ weights, 0, -1)
    total = np.broadcast_to(loss**2 @ weights, gram.shape[:2])
    linear, squares = _solve(gram, target, total)
    below = linear[..., 0] < 0
    if offset and below.any():
        rest, rest_squares = _solve(gram[below][:, 1:, 1:], target[below][:, 1:], total[below])
        linear[below], squares[below] = np.pad(rest, ((0, 0), (1, 0))), rest_squares
    least = np.full(linear.shape[-1], _TINY * float(loss.min()))
    least[0] = 0.0 if offset else least[0]
    squares = np.where((linear < 0).any(axis=-1), squares + total, squares)
    return np.maximum(linear, least).swapaxes(0, 1), squares.T


def _solve(gram: Floats, target: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Solve normal equations scaled to unit diagonal; return coefficients and what they leave of `total`."""
    size = np.sqrt(np.einsum("...pp->...p", gram))
    scaled = gram / (size[..., :, None] * size[..., None, :]) + _RIDGE * np.eye(gram.shape[-1])
    unit = np.linalg.solve(scaled, (target / size)[..., None])[..., 0]
    squares: Floats = total - np.sum(unit * target / size, axis=-1)
    return unit / size, squares
