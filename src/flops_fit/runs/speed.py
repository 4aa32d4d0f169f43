"""How fast a sweep's own machine trained: FLOPs per second of its largest runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from flops_fit.quantities import Interval
from flops_fit.runs.record import RunRecord

_LARGEST = 0.5
"""Share of the largest size from which on runs count: small models leave a machine idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """FLOPs per second of one run at a time, evaluations included."""

    flops_per_s: float
    """Median over the runs timed."""
    seen: Interval
    """Slowest to fastest of them."""
    n_params: float
    """The largest size timed."""
    n_runs: int


def measured_speed(records: Sequence[RunRecord]) -> Speed | None:
    """Return how fast the largest models of a sweep were trained; None where no run was timed."""
    timed = [record for record in records if _flops_per_s(record) is not None]
    if not timed:
        return None
    largest = max(record.n_params for record in timed)
    speeds = [_flops_per_s(r) or 0.0 for r in timed if r.n_params >= _LARGEST * largest]
    return Speed(
        flops_per_s=median(speeds),
        seen=Interval(min(speeds), max(speeds), 1.0),
        n_params=largest,
        n_runs=len(speeds),
    )


def _flops_per_s(record: RunRecord) -> float | None:
    """Return the speed of a run that was trained to its end and timed."""
    if record.status != "completed" or record.origin != "trained":
        return None
    flops = record.flops if record.flops_executed is None else record.flops_executed
    return flops / record.wall_s if record.wall_s and flops > 0 else None
