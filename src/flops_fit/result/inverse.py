"""At which compute the optimum has a given size, uses a given amount of data or reaches a given loss."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.doubts import Doubt
from flops_fit.result.question import LARGEST

_BELOW, _ABOVE = 1e-3, 1e6
"""Times the smallest and the largest budget trained between which the compute is sought first."""
_LEAST = 1.0
"""FLOPs down to which it is sought then, as up to `LARGEST`: whatever compute may be asked about."""
_PER_DECADE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A quantity of the optimum that is to have a given value."""

    of: Callable[[float], Estimate]
    """What it is at so much compute."""
    target: float
    called: str
    """What messages call it, e.g. "a loss of 1.200"."""
    shown: Callable[[float], str]
    """How its values are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The compute at which a quantity of the optimum has its value."""

    flops: Estimate
    doubts: tuple[Doubt, ...]
    """Ends of its interval that are those of the search: nothing bounds it there."""


def best_size(law: ScalingLaw, n_params: float) -> Sought:
    """Seek the compute whose N* is so many parameters."""
    return Sought(
        of=lambda flops: law.headline.optimum(flops).n_params,
        target=n_params,
        called=f"a size of {numbers.count(n_params)} parameters",
        shown=numbers.count,
    )


def best_data(law: ScalingLaw, n_units: float) -> Sought:
    """Seek the compute whose D* is so many data units."""

    def data(flops: float) -> Estimate:
        sizes, phi = law.headline.optimum(flops).n_params, law.points.flops_per_unit
        ends = Interval(
            flops / phi(sizes.interval.high), flops / phi(sizes.interval.low), sizes.interval.level
        )
        return Estimate(value=flops / phi(sizes.value), interval=ends)

    return Sought(
        of=data,
        target=n_units,
        called=f"an amount of {numbers.count(n_units)} {law.unit}s",
        shown=numbers.count,
    )


def least_loss(law: ScalingLaw, loss: float) -> Sought:
    """Seek the compute whose L* is a loss."""
    return Sought(
        of=lambda flops: law.headline.optimum(flops).loss,
        target=loss,
        called=f"a loss of {numbers.loss(loss)}",
        shown=numbers.loss,
    )


def flops_where(law: ScalingLaw, sought: Sought) -> Found:
    """Return the compute at which the target is met, and between which computes the interval holds it.

    Raises:
        FitError: no compute that may be asked about will do (`out-of-reach`).
    """

    def over(log_flops: float) -> float:
        return float(np.log(sought.of(float(np.exp(log_flops))).value / sought.target))

    def held(log_flops: float) -> float:
        interval = sought.of(float(np.exp(log_flops))).interval
        return float(min(np.log(sought.target / interval.low), np.log(interval.high / sought.target)))

    for rungs in _ladders(law):
        if (value := _first_root(over, rungs)) is not None:
            break
    else:
        raise _out_of_reach(law, sought)
    low_end = _last_held(held, [value, *rungs[rungs < value][::-1]])
    high_end = _last_held(held, [value, *rungs[rungs > value]])
    level = sought.of(float(np.exp(value))).interval.level
    ends = Interval(float(np.exp(low_end)), float(np.exp(high_end)), level)
    return Found(
        flops=Estimate(value=float(np.exp(value)), interval=ends),
        doubts=tuple(_unbounded(law, ends, low=low_end == rungs[0], high=high_end == rungs[-1])),
    )


def _unbounded(law: ScalingLaw, ends: Interval, *, low: bool, high: bool) -> Iterator[Doubt]:
    least, most = law.flops_range
    if low:
        times = least / ends.low
        yield Doubt(
            "C is bounded by the search alone, to", times, " times below the smallest budget trained."
        )
    if high:
        times = ends.high / most
        yield Doubt("C is bounded by the search alone, to", times, " times the largest budget trained.")


def _ladders(law: ScalingLaw) -> Iterator[Floats]:
    """Yield where to look, as ln C: around the runs, then all the way up, then all the way down."""
    low, high = law.flops_range[0] * _BELOW, law.flops_range[1] * _ABOVE
    yield _ladder(low, high)
    yield _ladder(low, max(high, LARGEST))
    yield _ladder(min(low, _LEAST), high)


def _ladder(low: float, high: float) -> Floats:
    return np.log(np.geomspace(low, high, int(_PER_DECADE * np.log10(high / low)) + 1))


def size_of_cost(law: ScalingLaw, flops_per_unit: float) -> float:
    """Return the size of which one data unit costs so many FLOPs."""
    from scipy.optimize import brentq

    log_phi = np.log(flops_per_unit)
    return float(
        np.exp(brentq(lambda log_n: np.log(law.points.flops_per_unit(np.exp(log_n))) - log_phi, -50, 100))
    )


def _first_root(function: Callable[[float], float], rungs: Iterable[float]) -> float | None:
    """Return the first place along the rungs where a function changes its sign; None if nowhere."""
    from scipy.optimize import brentq

    before = at_before = None
    for rung in rungs:
        here = function(rung)
        if not np.isfinite(here):
            before = at_before = None
            continue
        if before is not None and at_before is not None and (at_before > 0) != (here > 0):
            return float(brentq(function, before, rung, xtol=1e-7))
        before, at_before = rung, here
    return None


def _last_held(held: Callable[[float], float], rungs: list[float]) -> float:
    """Return where, going outwards, the target leaves the interval; the last rung where it never does."""
    if held(rungs[0]) <= 0:
        return rungs[0]
    end = _first_root(held, rungs)
    return rungs[-1] if end is None else end


def _out_of_reach(law: ScalingLaw, sought: Sought) -> FitError:
    def between(low: float, high: float) -> str:
        return " and ".join(map(sought.shown, sorted(sought.of(c).value for c in (low, high))))

    low, top = law.flops_range
    return FitError(
        f"Nowhere between {numbers.compute(_LEAST)} and {numbers.compute(LARGEST)} FLOPs is {sought.called} "
        f"compute-optimal: this law stays between {between(_LEAST, LARGEST).rstrip('.')}.",
        fix=f"ask for something between {between(low, 10 * top)}, which the smallest budget trained and ten "
        "times the largest reach",
        code="out-of-reach",
    )
