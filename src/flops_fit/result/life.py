"""What a model takes from its training to the last data unit that it serves."""

from dataclasses import dataclass

from flops_fit.fit import Estimate
from flops_fit.result import numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a model takes over its life, beside the one that would have been cheapest to train."""

    n_units: float
    """Data units served."""
    total_flops: Estimate
    """Of training and inference."""
    compute_optimal_n: float
    """Size of the model that reaches the same loss with the least training compute."""
    compute_optimal_total: float
    """FLOPs to train and to serve that one."""

    @property
    def saving(self) -> float:
        """Share of the FLOPs saved by not training compute-optimally."""
        return 1 - self.total_flops.value / self.compute_optimal_total

    def __str__(self) -> str:
        total, ends = self.total_flops.value, self.total_flops.interval
        low, high = numbers.compute(ends.low), numbers.compute(ends.high)
        known = "" if low == high else f", {low} to {high} ({ends.level:.0%} interval)"
        return (
            f"{numbers.compute(total)} FLOPs to train and to serve{known}; {self.saving:.1%} less than the "
            f"{numbers.compute(self.compute_optimal_total)} of the {numbers.count(self.compute_optimal_n)} "
            "parameters that are cheapest to train to this loss"
        )
