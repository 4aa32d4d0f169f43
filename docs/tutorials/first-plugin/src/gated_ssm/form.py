"""The fit form `droppo`: the floor of the loss is one more shortage, beside those of parameters and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from flops_fit.components import SurfaceForm
from flops_fit.quantities import Allocation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REACH = 25.0
"""e-folds of N to either side of N = D within which the optimum is sought."""
COUPLINGS = (0.6, 0.8, 1.0, 1.4, 2.0)


class Droppo(SurfaceForm):
    """L = [E^(1/q) + (A/N^alpha)^(1/q) + (B/D^beta)^(1/q)]^q.

    q = 1 is the plain sum. With q > 1 each shortage hurts more where the others hurt too.

    Source: Droppo and Elibol 2021, arXiv:2106.09488, the joint law of model size, data and irreducible loss;
    A and B are their N_C^alpha and D_C^beta.
    """

    kind: Literal["droppo"] = "droppo"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "beta", "q")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.0, float("inf")),
        (0.0, float("inf")),
        (0.0, float("inf")),
        (1e-3, 3.0),
        (1e-3, 3.0),
        (0.5, 3.0),
    )
    batched: ClassVar[bool] = True

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        loss: Floats = self._roots(theta, n_params, n_units).sum(axis=0) ** theta[5]
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 6) or (batch, n_runs, 6)."""
        import numpy as np

        E, A, B, _, _, q = theta
        roots = self._roots(theta, n_params, n_units)
        total = roots.sum(axis=0)
        by_log = total ** (q - 1) * roots  # dL/dln of each term
        by_alpha, by_beta = -np.log(n_params) * by_log[1], -np.log(n_units) * by_log[2]
        by_q = total**q * np.log(total) - (by_log * np.log(roots)).sum(axis=0)
        return np.stack([by_log[0] / E, by_log[1] / A, by_log[2] / B, by_alpha, by_beta, by_q], axis=-1)

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the fit of the plain sum bent by several q, scaled to leave the typical loss alone."""
        import numpy as np

        E, A, B, alpha, beta = plain
        floor = max(E, 1e-3 * float(np.median(A * n_params**-alpha + B * n_units**-beta)))
        starts = np.array([(floor, A, B, alpha, beta, q) for q in COUPLINGS])
        plain_loss = np.median(self.predict(starts[2], n_params, n_units))
        for start in starts:
            start[:3] *= plain_loss / np.median(self.predict(start, n_params, n_units))
        return starts

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D.

        The loss is least where the roots of its two shortages add to the least, whatever E is.
        """
        import numpy as np
        from scipy.optimize import minimize_scalar

        _, A, B, alpha, beta, q = (float(value) for value in theta)

        def log_shortage(log_n: float) -> float:
            log_d = np.log(flops) - np.log(flops_per_unit(float(np.exp(log_n))))
            return float(np.logaddexp((np.log(A) - alpha * log_n) / q, (np.log(B) - beta * log_d) / q))

        even = np.log(flops / 6) / 2
        best = minimize_scalar(
            log_shortage, bounds=(even - REACH, even + REACH), method="bounded", options={"xatol": 1e-10}
        )
        n_params = float(np.exp(best.x))
        return Allocation(n_params=n_params, n_units=flops / flops_per_unit(n_params))

    @staticmethod
    def _roots(theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the three terms to the power of 1/q, shape (3, n_runs) or (3, batch, n_runs)."""
        import numpy as np

        E, A, B, alpha, beta, q = theta
        log_terms = np.broadcast_arrays(
            np.log(E), np.log(A) - alpha * np.log(n_params), np.log(B) - beta * np.log(n_units)
        )
        roots: Floats = np.exp(np.stack(log_terms) / q)
        return roots
