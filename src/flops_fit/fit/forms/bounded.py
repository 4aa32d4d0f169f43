"""The fit form `bounded`: for error rates, which no power law can follow up to chance or down to 0."""

from collections.abc import Callable
from itertools import product
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.forms.chinchilla import Chinchilla
from flops_fit.quantities import Allocation

_FLOORS, _STEEPER = (0.0, 0.4, 0.8), (1.0, 1.5, 2.5)


class Bounded(SurfaceForm):
    """L = chance·[floor + (1 - floor)·h/(1 + h)] with h = A/N^alpha + B/D^beta.

    Losses lie between floor·chance and chance, whatever N and D. `floor` is the irreducible loss as a share
    of `chance`, the loss of a model that knows nothing: 1 - 1/classes for error rates.

    Source: form as in arXiv:2605.09189 without its term for over-fitting; all constants fitted.
    """

    kind: Literal["bounded"] = "bounded"
    chance: float = Field(default=1.0, gt=0)
    """Loss of a model that knows nothing."""

    param_names: ClassVar[tuple[str, ...]] = ("floor", "A", "B", "alpha", "beta")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, 0.999), *Chinchilla.bounds[1:])
    offset: ClassVar[str | None] = "floor"
    batched: ClassVar[bool] = True

    @property
    def largest_loss(self) -> float:
        """1 for error rates: models that know nothing scatter around `chance`, which may be less."""
        return max(1.0, self.chance)

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return the loss, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""
        floor, A, B, alpha, beta = theta
        odds = A * n_params**-alpha + B * n_units**-beta
        loss: Floats = self.chance * (floor + (1 - floor) * odds / (1 + odds))
        return loss

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, 5) or (batch, n_runs, 5)."""
        floor, A, B, alpha, beta = theta
        per_A, per_B = n_params**-alpha, n_units**-beta
        odds = A * per_A + B * per_B
        by_odds = self.chance * (1 - floor) / (1 + odds) ** 2
        by_alpha, by_beta = -A * np.log(n_params) * per_A, -B * np.log(n_units) * per_B
        inner = [by_odds * column for column in (per_A, per_B, by_alpha, by_beta)]
        return np.stack([self.chance / (1 + odds), *inner], axis=-1)

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return surfaces through the middle of the `chinchilla` fit, with several floors and steepnesses."""
        _, _, _, alpha, beta = plain
        losses = Chinchilla().predict(plain, n_params, n_units)
        middle, centre = float(np.median(losses)), (np.log(n_params).mean(), np.log(n_units).mean())
        starts = []
        for share, steeper in product(_FLOORS, _STEEPER):
            floor = min(share * float(losses.min()) / self.chance, 0.9)
            level = np.clip((middle / self.chance - floor) / (1 - floor), 1e-3, 0.999)
            half = 0.5 * level / (1 - level)
            by_n, by_d = steeper * alpha, steeper * beta
            A, B = half * np.exp(by_n * centre[0]), half * np.exp(by_d * centre[1])
            starts.append((floor, A, B, by_n, by_d))
        return np.array(starts)

    def optimum(self, theta: Floats, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        """Return the N and D of least loss on the curve flops = flops_per_unit(N) · D: those of least h."""
        return Chinchilla().optimum(np.append(0.0, theta[1:]), flops, flops_per_unit)
