"""The fit form `kappa`: larger models make better use of data, or worse."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.chinchilla import EXPONENT, Chinchilla
from flops_fit.fit.forms.power import power
from flops_fit.fit.forms.search import search_optimum
from flops_fit.quantities import Allocation

_EXPONENTS = np.geomspace(0.05, 1.4, 10)
_KAPPAS = np.linspace(-0.06, 0.06, 7)
_LEAST = 1e-3


class Kappa(SurfaceForm):
    """L = E + A/N^alpha + B/D^(beta + kappa·ln N).

    kappa = 0 is `chinchilla`; the exponent of data at a size N is beta + kappa·ln N, so beta alone, its value
    at N = 1, means little. The form depends on the unit of D: count tokens, images or samples, not millions.

    Source: the first order of Farseer, arXiv:2506.10972, whose exponent of data is a function of N.
    """

    kind: Literal["kappa"] = "kappa"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta", "kappa")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (*Chinchilla.bounds[:4], (-6.0, 6.0), (-0.1, 0.1))
    offset: ClassVar[str | None] = "E"
    expected: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT}
    batched: ClassVar[bool] = True

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        E, A, B, alpha, beta, kappa = theta
        by_d = power(n_units, -(beta + kappa * np.log(n_params)))
        loss: Floats = E + A * power(n_params, -alpha) + B * by_d
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 6) or (batch, n_runs, 6)."""
        _, A, B, alpha, beta, kappa = theta
        log_n = np.log(n_params)
        per_A, per_B = power(n_params, -alpha), power(n_units, -(beta + kappa * log_n))
        by_beta = -B * np.log(n_units) * per_B
        columns = [np.ones_like(per_A), per_A, per_B, -A * log_n * per_A, by_beta, by_beta * log_n]
        return np.stack(columns, axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return (alpha, beta, kappa) whose exponents are plausible at the typical size, shape (3, 700)."""
        alpha, at_centre, kappa = np.stack(np.meshgrid(_EXPONENTS, _EXPONENTS, _KAPPAS)).reshape(3, -1)
        return np.stack([alpha, at_centre - kappa * np.log(n_params).mean(), kappa])

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return what E, A and B multiply."""
        alpha, beta, kappa = nonlinear
        by_n, by_d = power(n_params, -alpha), power(n_units, -(beta + kappa * np.log(n_params)))
        return np.stack([np.ones_like(by_n), by_n, by_d])

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats:
        """Return the exponent of data at this size times their share of the excess; 0 where none is left.

        At the best split alpha·A/N^alpha = (b - kappa·ln D)·B/D^b with b = beta + kappa·ln N.
        """
        _, _, _, alpha, beta, kappa = theta
        of_data = np.maximum(beta + kappa * np.log(n_params), 0.0)
        exponent: Floats = alpha * of_data / np.maximum(alpha + of_data - kappa * np.log(n_units), _LEAST)
        return exponent

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D, found numerically."""
        return search_optimum(lambda n, d: self.predict(theta, n, d), flops, flops_per_unit)
