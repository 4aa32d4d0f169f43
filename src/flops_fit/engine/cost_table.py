"""An estimate as a person reads it before paying for it."""

from collections.abc import Callable

from flops_fit.config.memory import in_words
from flops_fit.engine.cost import Estimate, Expected
from flops_fit.engine.memory import MemoryNeed
from flops_fit.errors import argument
from flops_fit.text_columns import aligned

BUSY = 0.9
"""Share of a core below which an estimate says that something else had the rest."""


def describe_estimate(estimate: Estimate) -> str:
    """Return what each size costs, and the totals with their intervals."""
    if not estimate.runs_left:
        return f"all {estimate.runs_total} runs are finished: nothing is left to train"
    return "\n".join([*_sizes(estimate), "", *_totals(estimate)])


def _sizes(estimate: Estimate) -> list[str]:
    total = sum(cost.seconds for cost in estimate.sizes)
    rows = [("size", "steps", "ms per step", "share of time")]
    rows += [
        (cost.size, f"{cost.n_steps:,}", f"{1e3 * cost.step_s:.3g}", f"{cost.seconds / total:.0%}")
        for cost in estimate.sizes
    ]
    return aligned(rows, right=True)


def _totals(estimate: Estimate) -> list[str]:
    at_a_time = f"{estimate.workers} processes side by side" if estimate.workers > 1 else "one process"
    device = "core-hours" if estimate.device == "cpu" else "GPU-hours"
    unpriced = f"give {argument('price_per_hour')}"
    return [
        f"{estimate.runs_left} of {estimate.runs_total} runs are left, for {at_a_time}",
        f"wall-clock: {_told(estimate.wall_s, _duration)}, {', '.join(estimate.not_counted)} not counted",
        f"{device}: {_told(estimate.device_hours, _number)}",
        f"energy: {_told(estimate.energy_kwh, _kwh) if estimate.energy_kwh else 'not reported'}",
        f"price: {_told(estimate.price, _number) if estimate.price else unpriced}",
        f"memory: {_memory(estimate.memory)}" if estimate.memory else "memory: none",
        f"(calibrated in {_duration(estimate.calibration_s)}; intervals: 95%)",
        *_busy(estimate),
    ]


def _busy(estimate: Estimate) -> list[str]:
    if estimate.cpu_share > BUSY:
        return []
    share = f"a process had {estimate.cpu_share:.0%} of a core"
    return [f"WARNING: other programs run here: {share}. Estimate again when they have ended."]


def _told(expected: Expected, written: Callable[[float], str]) -> str:
    low, high = expected.interval.low, expected.interval.high
    return f"{written(expected.value)} ({written(low)} to {written(high)})"


def _memory(memory: MemoryNeed) -> str:
    return (
        f"{memory.size}, the largest, holds {in_words(memory.state_bytes)} of weights, gradients, moments; "
        f"a process peaks at {in_words(memory.peak_bytes)}, {memory.processes} of them at "
        f"{in_words(memory.needed_bytes)}, and {in_words(memory.free_bytes)} are free"
    )


def _number(value: float) -> str:
    return f"{value:.3g}"


def _kwh(value: float) -> str:
    return f"{value:.3g} kWh"


def _duration(seconds: float) -> str:
    for unit, scale in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.3g} s"
