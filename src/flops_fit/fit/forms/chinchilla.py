"""The fit form `chinchilla`: L(N, D) = E + A/N^alpha + B/D^beta."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.power import joint_exponent, power
from flops_fit.quantities import Allocation

_EXPONENTS = np.geomspace(0.04, 1.6, 18)
EXPONENT = (float(np.log(0.33)), 0.5)
"""Centre and standard deviation of the logarithm of an exponent where runs cannot tell.

Published fits to language models scatter about .33 by a third of this: alpha and beta .34 and .28 (Hoffmann
et al. 2022, arXiv:2203.15556), .348 and .366 (Besiroglu et al. 2024, arXiv:2404.10102), .353 for both
(Muennighoff et al. 2023, arXiv:2305.16264). See docs/explanation/decisions/0010-weak-exponents.md.
"""
_LOPSIDED = 40.0
"""e-folds of N around N = D beyond which no optimum is sought: where A or B vanish there is none."""


class Chinchilla(SurfaceForm):
    """Loss = irreducible + what a finite model costs + what finite data cost.

    `theta` is (E, A, B, alpha, beta): E in the unit of the loss; A and B carry the units that turn their
    terms into losses; alpha and beta have none.

    Source: Hoffmann et al. 2022, arXiv:2203.15556, equation 2 (form) and equation 4 (optimum).
    """

    kind: Literal["chinchilla"] = "chinchilla"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.0, np.inf),
        (0.0, np.inf),
        (0.0, np.inf),
        (1e-3, 3.0),
        (1e-3, 3.0),
    )
    offset: ClassVar[str | None] = "E"
    expected: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "beta": EXPONENT}
    batched: ClassVar[bool] = True

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        E, A, B, alpha, beta = theta
        loss: Floats = E + A * power(n_params, -alpha) + B * power(n_units, -beta)
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 5) or (batch, n_runs, 5)."""
        _, A, B, alpha, beta = theta
        per_A, per_B = power(n_params, -alpha), power(n_units, -beta)
        by_alpha, by_beta = -A * np.log(n_params) * per_A, -B * np.log(n_units) * per_B
        return np.stack([np.ones_like(per_A), per_A, per_B, by_alpha, by_beta], axis=-1)

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats:  # noqa: ARG002
        """Return alpha·beta/(alpha + beta)."""
        _, _, _, alpha, beta = theta
        return joint_exponent(alpha, beta)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return pairs of exponents, shape (2, 324)."""
        return np.stack(np.meshgrid(_EXPONENTS, _EXPONENTS)).reshape(2, -1)

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return what E, A and B multiply."""
        alpha, beta = nonlinear
        by_n, by_d = power(n_params, -alpha), power(n_units, -beta)
        return np.stack([np.ones_like(by_n), by_n, by_d])

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D.

        In closed form where FLOPs per unit are proportional to N around the optimum, else numerically.
        """
        guess = self._optimum_for_proportional_flops(theta, flops, flops_per_unit)
        n_params = (
            guess
            if _proportional(flops_per_unit, guess)
            else self._search(theta, flops, flops_per_unit, guess)
        )
        return Allocation(n_params=n_params, n_units=flops / flops_per_unit(n_params))

    def _optimum_for_proportional_flops(
        self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]
    ) -> float:
        """Solve alpha·A/N^alpha = beta·B/D^beta with D = flops / (k·N), k taken at a first guess of N."""
        _, A, B, alpha, beta = theta
        log_ratio = np.log(alpha * A) - np.log(beta * B)
        log_even = log_n = np.log(flops / 6.0) / 2
        for _ in range(3):
            log_k = np.log(flops_per_unit(float(np.exp(log_n)))) - log_n
            log_n = (log_ratio + beta * (np.log(flops) - log_k)) / (alpha + beta)
            log_n = np.clip(log_n, log_even - _LOPSIDED, log_even + _LOPSIDED)
        return float(np.exp(log_n))

    def _search(
        self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float], guess: float
    ) -> float:
        """Minimise the loss over ln N within a factor e³ of the guess."""
        from scipy.optimize import minimize_scalar

        def loss(log_n: float) -> float:
            n_params = float(np.exp(log_n))
            n_units = flops / flops_per_unit(n_params)
            return float(self.predict(theta, np.array([n_params]), np.array([n_units]))[0])

        span = (np.log(guess) - 3, np.log(guess) + 3)
        return float(np.exp(minimize_scalar(loss, bounds=span, method="bounded", options={"xatol": 1e-10}).x))


def _proportional(flops_per_unit: Callable[[float], float], n_params: float) -> bool:
    per_param = [flops_per_unit(n_params * step) / (n_params * step) for step in (0.5, 1.0, 2.0)]
    return max(per_param) - min(per_param) < 1e-9 * per_param[1]
