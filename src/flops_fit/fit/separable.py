"""L = E + A·e^(-alpha·u) + B·e^(-beta·v) on centred logarithms: its global fit, its slopes, in batches.

Given the exponents the rest is linear, so scanning a grid of exponents finds the global optimum without
starting values (variable projection). Working parameters are (E, ln A', ln B', alpha, beta), with A' and B'
the two terms at the geometric mean of N and D, which takes away most of the correlation of A with alpha.

Source: Golub and Pereyra 1973, doi:10.1137/0710036 (variable projection).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats

_EXPONENTS = np.geomspace(0.04, 1.6, 18)
_EXPONENT_RANGE = (1e-3, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separable:
    """The surface over the runs of one table; arrays of shape (n_runs,)."""

    u: Floats
    """ln N less its mean."""
    v: Floats
    """ln D less its mean."""
    centre: tuple[float, float]
    """Means of ln N and ln D."""

    def log_loss(self, work: Floats) -> tuple[Floats, Floats]:
        """Return ln loss, shape (batch, n_runs), and its slopes, shape (batch, n_runs, 5)."""
        E, log_A, log_B, alpha, beta = (column[:, None] for column in work.T)
        by_n, by_d = np.exp(log_A - alpha * self.u), np.exp(log_B - beta * self.v)
        loss = E + by_n + by_d
        slopes = np.stack([np.ones_like(loss), by_n, by_d, -self.u * by_n, -self.v * by_d], axis=-1)
        return np.log(loss), slopes / loss[..., None]

    def lower(self) -> Floats:
        """Return the least allowed working parameters."""
        return np.array([0.0, -50.0, -50.0, _EXPONENT_RANGE[0], _EXPONENT_RANGE[0]])

    def upper(self) -> Floats:
        """Return the largest allowed working parameters."""
        return np.array([np.inf, 50.0, 50.0, _EXPONENT_RANGE[1], _EXPONENT_RANGE[1]])

    def theta(self, work: Floats) -> Floats:
        """Turn working parameters, shape (..., 5), into (E, A, B, alpha, beta)."""
        E, log_A, log_B, alpha, beta = np.moveaxis(work, -1, 0)
        mean_n, mean_d = self.centre
        return np.stack(
            [E, np.exp(log_A + alpha * mean_n), np.exp(log_B + beta * mean_d), alpha, beta], axis=-1
        )

    def start(self, loss: Floats) -> Floats:
        """Return the best working parameters on the grid of exponents, by relative residuals; shape (5,)."""
        alpha, beta = (grid.ravel() for grid in np.meshgrid(_EXPONENTS, _EXPONENTS, indexing="ij"))
        by_n, by_d = np.exp(-np.outer(alpha, self.u)), np.exp(-np.outer(beta, self.v))
        full = _linear_fit(by_n, by_d, loss, floored=True)
        bare = _linear_fit(by_n, by_d, loss, floored=False)
        usable = (full.E >= 0) & (full.A > 0) & (full.B > 0)
        best = _Linear(*(np.where(usable, *pair) for pair in zip(full, bare, strict=True)))
        i = int(np.argmin(np.where((best.A > 0) & (best.B > 0), best.squares, np.inf)))
        tiny = 1e-6 * float(loss.min())
        terms = (max(best.E[i], 0.0), np.log(max(best.A[i], tiny)), np.log(max(best.B[i], tiny)))
        return np.array([*terms, alpha[i], beta[i]])


def separable(n_params: Floats, n_units: Floats) -> Separable:
    """Lay the surface over runs of `n_params` trained on `n_units`, shape (n_runs,)."""
    log_n, log_d = np.log(n_params), np.log(n_units)
    centre = (float(log_n.mean()), float(log_d.mean()))
    return Separable(u=log_n - centre[0], v=log_d - centre[1], centre=centre)


class _Linear(NamedTuple):
    """Least squares over (E, A, B) at every pair of exponents; shape (n_pairs,)."""

    E: Floats
    A: Floats
    B: Floats
    squares: Floats


def _linear_fit(by_n: Floats, by_d: Floats, loss: Floats, *, floored: bool) -> _Linear:
    """Solve the two normal equations of A and B at every pair, E being eliminated by centring.

    Residuals count relative to the loss, which to first order makes them residuals of ln loss.
    """
    weight = loss**-2.0

    def centred(x: Floats) -> Floats:
        return x - (x @ weight)[..., None] / weight.sum() if floored else x

    a, b, y = centred(by_n), centred(by_d), centred(loss)
    aa, bb, ab = (a**2) @ weight, (b**2) @ weight, (a * b) @ weight
    ay, by = a @ (weight * y), b @ (weight * y)
    determinant = np.maximum(aa * bb - ab**2, 1e-12 * aa * bb)
    A, B = (bb * ay - ab * by) / determinant, (aa * by - ab * ay) / determinant
    squares = (y - A[:, None] * a - B[:, None] * b) ** 2 @ weight
    E = (
        ((loss - A[:, None] * by_n - B[:, None] * by_d) @ weight) / weight.sum()
        if floored
        else np.zeros_like(A)
    )
    return _Linear(E, A, B, squares)
