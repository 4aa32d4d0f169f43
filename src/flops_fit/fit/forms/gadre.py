"""The fit form `gadre`: one exponent for N and D, for few runs or for over-training at any ratio D/N."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.chinchilla import EXPONENT, Chinchilla
from flops_fit.fit.forms.power import power
from flops_fit.quantities import Allocation

_EXPONENTS = np.geomspace(0.02, 2.0, 60)


class Gadre(SurfaceForm):
    """L = E + A/N^gamma + B/D^gamma, four parameters; D*/N* is the same at every compute.

    Source: Gadre et al. 2024, arXiv:2403.08540: L = E + (a·M^eta + b·M^-eta)·C^-eta with M = D/N. For
    C proportional to N·D that is this form with gamma = 2·eta.
    """

    kind: Literal["gadre"] = "gadre"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "gamma")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = Chinchilla.bounds[:4]
    offset: ClassVar[str | None] = "E"
    expected: ClassVar[Mapping[str, tuple[float, float]]] = {"gamma": EXPONENT}
    batched: ClassVar[bool] = True

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        E, A, B, gamma = theta
        loss: Floats = E + A * power(n_params, -gamma) + B * power(n_units, -gamma)
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 4) or (batch, n_runs, 4)."""
        _, A, B, gamma = theta
        per_A, per_B = power(n_params, -gamma), power(n_units, -gamma)
        by_gamma = -A * np.log(n_params) * per_A - B * np.log(n_units) * per_B
        return np.stack([np.ones_like(per_A), per_A, per_B, by_gamma], axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return exponents, shape (1, 60)."""
        return _EXPONENTS[None]

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return what E, A and B multiply."""
        by_n, by_d = power(n_params, -nonlinear[0]), power(n_units, -nonlinear[0])
        return np.stack([np.ones_like(by_n), by_n, by_d])

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats:  # noqa: ARG002
        """Return gamma/2."""
        gamma: Floats = theta[3]
        return gamma / 2

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D."""
        return Chinchilla().optimum(np.append(theta, theta[3]), flops, flops_per_unit)
