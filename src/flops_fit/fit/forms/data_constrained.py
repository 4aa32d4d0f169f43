"""The fit form `data_constrained`: what data are worth that a run sees more than once."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.chinchilla import Chinchilla
from flops_fit.fit.forms.power import joint_exponent
from flops_fit.fit.forms.search import search_optimum
from flops_fit.quantities import Allocation

_STARTS = (1.0, 5.0, 20.0, 80.0)


class DataConstrained(SurfaceForm):
    """L = E + A/N'^alpha + B/D'^beta with N' and D' what N and D are worth when data repeat.

    D' = U + U·R_D·(1 - exp(-(D/U - 1)/R_D)) from the first repetition on, with U the unique data. Likewise
    N' saturates, at a scale R_N, beyond the size for which U would be the best amount of data.

    Source: form as in Muennighoff et al. 2023, arXiv:2305.16264, section 3.1; all constants fitted.
    """

    kind: Literal["data_constrained"] = "data_constrained"
    unique_units: float = Field(gt=0, examples=[1e9])
    """Distinct data units: one epoch. The same for all runs of the table."""

    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta", "R_D", "R_N")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (*Chinchilla.bounds, (0.05, 1e4), (0.05, 1e4))
    offset: ClassVar[str | None] = "E"
    expected: ClassVar[Mapping[str, tuple[float, float]]] = Chinchilla.expected
    batched: ClassVar[bool] = True

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return one with a billion unique units."""
        return (cls(unique_units=1e9),)

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        E, A, B, alpha, beta, R_D, R_N = theta
        d_worth = _worth(n_units, np.minimum(n_units, self.unique_units), R_D)
        n_worth = _worth(n_params, np.minimum(n_params, self._size_for_unique_data(theta)), R_N)
        loss: Floats = E + A * n_worth**-alpha + B * d_worth**-beta
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 7) or (batch, n_runs, 7)."""
        _, A, B, alpha, beta, R_D, R_N = theta
        unique, suited = np.minimum(n_units, self.unique_units), self._size_for_unique_data(theta)
        d_worth, fitting = _worth(n_units, unique, R_D), np.minimum(n_params, suited)
        n_worth = _worth(n_params, fitting, R_N)
        by_n, by_d = A * n_worth**-alpha, B * d_worth**-beta
        per_n, per_d = -alpha * by_n / n_worth, -beta * by_d / d_worth
        per_log_suited = per_n * np.where(n_params > suited, _by_unique(n_params, fitting, R_N) * suited, 0.0)
        log_unique, log_suited = np.log(self.unique_units), np.log(suited)
        columns = [
            np.ones_like(by_n),
            (by_n + per_log_suited / alpha) / A,
            (by_d - per_log_suited / alpha) / B,
            -np.log(n_worth) * by_n + per_log_suited * (1 / alpha - log_suited) / alpha,
            -np.log(d_worth) * by_d + per_log_suited * (log_unique - 1 / beta) / alpha,
            per_d * _by_scale(n_units, unique, R_D),
            per_n * _by_scale(n_params, fitting, R_N),
        ]
        return np.stack(columns, axis=-1)

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats:  # noqa: ARG002
        """Return that of `chinchilla`, which this form is while data last."""
        return joint_exponent(theta[3], theta[4])

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return the fit of `chinchilla` with several scales at which repetition wears off."""
        return np.array([(*plain, R_D, R_N) for R_D, R_N in product(_STARTS, _STARTS)])

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D, found numerically."""
        return search_optimum(lambda n, d: self.predict(theta, n, d), flops, flops_per_unit)

    def _size_for_unique_data(self, theta: Floats) -> Floats:
        """Return the N whose best amount of data is one epoch: alpha·A/N^alpha = beta·B/U^beta."""
        _, A, B, alpha, beta, _, _ = theta
        log_n = (np.log(alpha * A) - np.log(beta * B) + beta * np.log(self.unique_units)) / alpha
        size: Floats = np.exp(np.clip(log_n, -200, 200))
        return size


def _worth(amount: Floats, unique: Floats, scale: Floats) -> Floats:
    return unique + unique * scale * -np.expm1(-(amount / unique - 1) / scale)


def _by_unique(amount: Floats, unique: Floats, scale: Floats) -> Floats:
    fading = (amount / unique - 1) / scale
    return 1 - scale * np.expm1(-fading) - amount / unique * np.exp(-fading)


def _by_scale(amount: Floats, unique: Floats, scale: Floats) -> Floats:
    fading = (amount / unique - 1) / scale
    return unique * (-np.expm1(-fading) - fading * np.exp(-fading))
