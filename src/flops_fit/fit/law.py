"""What a fit answers: `Law`, which every estimator returns, and the estimates that it is made of."""

from dataclasses import dataclass
from typing import Protocol

from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number and the interval that holds the truth with the interval's probability."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The compute-optimal model size at one budget and the loss it reaches."""

    n_params: Estimate
    loss: Estimate


class Law(Protocol):
    """How loss depends on N and D, and where it is least at a given compute."""

    @property
    def name(self) -> str:
        """What the law is called in tables, e.g. 'valley'."""

    @property
    def flops_range(self) -> tuple[float, float]:
        """Least and largest compute that it was fitted to."""

    @property
    def exponent_at_top(self) -> Estimate:
        """Slope d ln N* / d ln C at the largest budget trained: the one to extrapolate with."""

    @property
    def exponent_whole_range(self) -> Estimate:
        """Slope of one straight line of ln N* over ln C through all budgets."""

    def optimum(self, flops: float) -> Optimum:
        """Return the optimum at a compute of `flops`."""

    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the loss of `n_params` trained on `n_units`, optimal or not."""

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:
        """Return the loss of each size, shape (n_sizes,), when `flops` are spent on it."""
