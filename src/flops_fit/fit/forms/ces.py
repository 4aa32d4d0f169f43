"""The fit form `ces`: the two terms of `chinchilla`, substitutable for each other to a degree q."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.chinchilla import Chinchilla
from flops_fit.fit.forms.power import joint_exponent
from flops_fit.quantities import Allocation

_STARTS = (0.6, 0.8, 1.0, 1.4, 2.0)


class Ces(SurfaceForm):
    """L = E + [(A/N^alpha)^(1/q) + (B/D^beta)^(1/q)]^q.

    q = 1 is `chinchilla`. Larger q: a shortage of either costs more where both are short. The form has a
    constant elasticity of substitution between the two terms.

    Source: Kaplan et al. 2020, arXiv:2001.08361, equation 1.5, which is E = 0 and q = beta; the floor E and
    the free q are ours.
    """

    kind: Literal["ces"] = "ces"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta", "q")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (*Chinchilla.bounds, (0.5, 3.0))
    offset: ClassVar[str | None] = "E"
    expected: ClassVar[Mapping[str, tuple[float, float]]] = Chinchilla.expected
    batched: ClassVar[bool] = True

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        E, A, B, alpha, beta, q = theta
        by_n, by_d = np.log(A) - alpha * np.log(n_params), np.log(B) - beta * np.log(n_units)
        loss: Floats = E + np.exp(q * np.logaddexp(by_n / q, by_d / q))
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 6) or (batch, n_runs, 6)."""
        _, A, B, alpha, beta, q = theta
        log_n, log_d = np.log(n_params), np.log(n_units)
        by_n, by_d = np.log(A) - alpha * log_n, np.log(B) - beta * log_d
        joint = np.logaddexp(by_n / q, by_d / q)
        excess, share = np.exp(q * joint), np.exp(by_n / q - joint)
        of_n, of_d = excess * share, excess * (1 - share)
        by_q = excess * (joint - (share * by_n + (1 - share) * by_d) / q)
        columns = [np.ones_like(excess), of_n / A, of_d / B, -log_n * of_n, -log_d * of_d, by_q]
        return np.stack(columns, axis=-1)

    def loss_exponent(self, theta: Floats, n_params: float, n_units: float) -> Floats:  # noqa: ARG002
        """Return that of `chinchilla`: where the split is best, each term is a fixed share of the excess."""
        _, _, _, alpha, beta, _ = theta
        return joint_exponent(alpha, beta)

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return the fit of `chinchilla` bent by several q, its terms scaled to leave their sum alone."""
        E, A, B, alpha, beta = plain
        return np.array([(E, A * 2 ** (1 - q), B * 2 ** (1 - q), alpha, beta, q) for q in _STARTS])

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D.

        The loss is least where the sum of the roots is, and that sum is a `chinchilla` surface.
        """
        _, A, B, alpha, beta, q = theta
        roots = np.array([0.0, A ** (1 / q), B ** (1 / q), alpha / q, beta / q])
        return Chinchilla().optimum(roots, flops, flops_per_unit)
