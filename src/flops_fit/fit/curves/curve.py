"""`Curve`: what all one-dimensional forms have in common."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError, text_argument
from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Allocation


class Curve(SurfaceForm):
    """A loss that depends on one quantity x: on data at one size, or on compute at the best size."""

    of_size: ClassVar[bool] = False
    batched: ClassVar[bool] = True

    over: Literal["data", "compute"] = "data"
    """What x is: D, for runs of one size; or C, for the minima of IsoFLOP budgets."""

    @abstractmethod
    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x, shape (n_runs,), or (batch, n_runs) for a batch of parameters."""

    @abstractmethod
    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta, shape (n_runs, n_theta) or (batch, n_runs, n_theta)."""

    def predict(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return the loss at x = `n_units`, whatever the size."""
        return self.at(theta, n_units)

    def jacobian(self, theta: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return dL/dtheta at x = `n_units`."""
        return self.slopes(theta, n_units)

    def optimum(
        self,
        theta: Floats,  # noqa: ARG002 - the contract's arguments
        flops: float,  # noqa: ARG002
        flops_per_unit: Callable[[float], float],  # noqa: ARG002
    ) -> Allocation:
        """Refuse: there is no size to choose.

        Raises:
            FitError: always (`no-size-to-choose`).
        """
        raise no_size_to_choose(self.kind)


def no_size_to_choose(kind: str) -> FitError:
    """Return what is said to whoever asks a curve for the best size."""
    return FitError(
        f"{kind!r} is a curve of the loss over one quantity: there is no size N to choose, so it has no "
        "optimum, no exponent of N* and no IsoFLOP curve.",
        fix="ask for a loss instead, e.g. result.loss_at(n_params=N, n_units=D); for the best size fit runs "
        f"of several sizes with {text_argument('form', 'auto')}",
        code="no-size-to-choose",
    )
