"""What a budget is trained on, how fast that is, and how long it takes."""

from dataclasses import dataclass

from flops_fit.errors import FitError, argument, by_interface, text_argument
from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.devices import find_device
from flops_fit.result.question import check_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One device, or the machine of the sweep as it trained a run."""

    name: str
    flops_per_s: Estimate
    """Sustained. The interval is what was seen of a machine that was measured, none where stated."""
    basis: str
    """Where the speed comes from, in words."""

    def seconds(self, flops: Estimate) -> Estimate:
        """Return how long it takes; both intervals count."""
        low, high = flops.interval.low / self.flops_per_s.interval.high, flops.interval.high
        return Estimate(
            value=flops.value / self.flops_per_s.value,
            interval=Interval(low, high / self.flops_per_s.interval.low, flops.interval.level),
        )

    def flops(self, seconds: float) -> Estimate:
        """Return what it does in that time."""
        speed = self.flops_per_s
        low, high = speed.interval.low * seconds, speed.interval.high * seconds
        return Estimate(value=speed.value * seconds, interval=Interval(low, high, speed.interval.level))


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long one device, or the machine of the sweep, takes."""

    seconds: Estimate
    machine: Machine

    def __str__(self) -> str:
        value, (low, high) = self.seconds.value, (self.seconds.interval.low, self.seconds.interval.high)
        span = f", {_time(low)} to {_time(high)}" if _time(low) != _time(high) else ""
        return f"about {_time(value)}{span} of {self.machine.name} ({self.machine.basis})"


def machine_of(law: ScalingLaw, device: str | float | None, utilisation: float | None) -> Machine | None:
    """Return the device asked for, else the machine of the sweep; None where that was never measured.

    Args:
        law: Of which the sweep may have been timed.
        device: A name of `DEVICES`, or peak FLOP/s.
        utilisation: Share of the peak that training sustains.

    Raises:
        FitError: `unknown-device`, `no-utilisation`, `bad-utilisation` or `no-device`.
    """
    if device is None:
        if utilisation is not None:
            raise _without_device(law, utilisation)
        return _measured(law)
    found = find_device(str(device))
    if utilisation is None:
        raise FitError(
            f"How much of its peak of {found.peak:.3g} FLOP/s does {found.name} sustain? Nothing says.",
            fix=f"state it: {argument('utilisation', '0.4')} (runs of 405B parameters on H100 "
            "reached 0.38 to 0.43: Llama 3, arXiv:2407.21783, table 4)" + _instead(law, "the device"),
            code="no-utilisation",
        )
    if not 0 < utilisation <= 1:
        raise FitError(
            f"{argument('utilisation')} is a share of the peak, above 0 and up to 1; found {utilisation!r}.",
            fix=f"state e.g. {argument('utilisation', '0.4')}",
            code="bad-utilisation",
        )
    speed = found.peak * utilisation
    return Machine(
        name=f"one {found.name}" if found.source != "stated" else found.name,
        flops_per_s=Estimate(value=speed, interval=Interval(speed, speed, 1.0)),
        basis=f"{utilisation:.0%} of a peak of {found.peak / 1e12:.4g} TFLOP/s, {found.source}",
    )


def compute_of(machine: Machine | None, hours: float | None, flops: float | None) -> Estimate | None:
    """Return the FLOPs of some hours; None where no hours are given.

    Raises:
        FitError: there is no machine (`no-speed`), the hours are no positive number (`bad-query`), or FLOPs
            are given as well (`bad-question`).
    """
    if hours is None:
        return None
    check_positive(gpu_hours=hours)
    if flops is not None:
        raise FitError(
            "Compute is given twice: as FLOPs and as hours.", fix="leave out either", code="bad-question"
        )
    if machine is None:
        raise FitError(
            "Hours say nothing without a speed: no run of this law was timed, and no device is named.",
            fix=f"name one: {text_argument('device', 'H100')}{by_interface(command=' ', python=', ')}"
            f"{argument('utilisation', '0.4')}",
            code="no-speed",
        )
    return machine.flops(3600 * hours)


def _measured(law: ScalingLaw) -> Machine | None:
    if law.speed is None:
        return None
    speed = law.speed
    largest = f"its {speed.n_runs} largest runs, up to {numbers.count(speed.n_params)} parameters"
    hardware = f", {law.made_from.hardware}" if law.made_from and law.made_from.hardware else ""
    return Machine(
        name=f"the sweep's machine{hardware}",
        flops_per_s=Estimate(value=speed.flops_per_s, interval=speed.seen),
        basis=f"at the pace of {largest}",
    )


def _instead(law: ScalingLaw, left_out: str) -> str:
    """Offer the speed of the sweep's own machine where there is one."""
    return f"; or leave out {left_out} for the speed of the sweep's own machine" if law.speed else ""


def _without_device(law: ScalingLaw, utilisation: float) -> FitError:
    return FitError(
        f"utilisation is {utilisation!r}, but of which device?",
        fix=f"name one: {text_argument('device', 'H100')}" + _instead(law, "the utilisation"),
        code="no-device",
    )


_UNITS = ((365.25 * 86400, "years"), (86400, "days"), (3600, "hours"), (60, "minutes"))


def _time(seconds: float) -> str:
    """Format seconds in the largest unit of which there are two."""
    for length, name in _UNITS:
        if seconds >= 2 * length:
            units = seconds / length
            return f"{units:.2g} {name}" if units < 20 else f"{numbers.times(round(units))} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
