"""At which compute the optimum has a given size, uses a given amount of data or reaches a given loss."""

from collections.abc import Callable, Iterable

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Interval

_BELOW, _ABOVE = 1e-3, 1e6
"""Times the smallest and the largest budget trained between which the compute is sought."""
_PER_DECADE = 2


def optimal_size(law: ScalingLaw) -> Callable[[float], Estimate]:
    """Return N* as a function of compute."""
    return lambda flops: law.headline.optimum(flops).n_params


def optimal_data(law: ScalingLaw) -> Callable[[float], Estimate]:
    """Return D* as a function of compute."""

    def data(flops: float) -> Estimate:
        sizes, phi = optimal_size(law)(flops), law.points.flops_per_unit
        ends = Interval(
            flops / phi(sizes.interval.high), flops / phi(sizes.interval.low), sizes.interval.level
        )
        return Estimate(value=flops / phi(sizes.value), interval=ends)

    return data


def least_loss(law: ScalingLaw) -> Callable[[float], Estimate]:
    """Return L* as a function of compute."""
    return lambda flops: law.headline.optimum(flops).loss


def flops_where(
    law: ScalingLaw, quantity: Callable[[float], Estimate], target: float, *, asked: str
) -> Estimate:
    """Return the compute at which the quantity is `target`, and between which computes its interval holds it.

    Args:
        law: To know where to look.
        quantity: Of compute: `optimal_size`, `optimal_data` or `least_loss`.
        target: Its value.
        asked: What messages call it, e.g. "a loss of 1.2".

    Raises:
        FitError: no compute from a thousandth to a million times those trained will do (`out-of-reach`).
    """
    low, high = law.flops_range[0] * _BELOW, law.flops_range[1] * _ABOVE
    ladder = np.geomspace(low, high, int(_PER_DECADE * np.log10(high / low)) + 1)

    def over(log_flops: float) -> float:
        return float(np.log(quantity(float(np.exp(log_flops))).value / target))

    def held(log_flops: float) -> float:
        interval = quantity(float(np.exp(log_flops))).interval
        return float(min(np.log(target / interval.low), np.log(interval.high / target)))

    rungs = np.log(ladder)
    value = _first_root(over, rungs)
    if value is None:
        raise _out_of_reach(law, quantity, ladder, asked)
    low_end = _last_held(held, [value, *rungs[rungs < value][::-1]])
    high_end = _last_held(held, [value, *rungs[rungs > value]])
    level = quantity(float(np.exp(value))).interval.level
    ends = Interval(float(np.exp(low_end)), float(np.exp(high_end)), level)
    return Estimate(value=float(np.exp(value)), interval=ends)


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


def _out_of_reach(
    law: ScalingLaw, quantity: Callable[[float], Estimate], ladder: Floats, asked: str
) -> FitError:
    def between(low: float, high: float) -> str:
        return " and ".join(f"{value:.4g}" for value in sorted(quantity(c).value for c in (low, high)))

    low, top = law.flops_range
    return FitError(
        f"Nowhere between {ladder[0]:.3g} and {ladder[-1]:.3g} FLOPs is {asked} compute-optimal: this law "
        f"stays between {between(float(ladder[0]), float(ladder[-1]))}.",
        fix=f"ask for something between {between(low, 10 * top)}, which the smallest budget trained and ten "
        "times the largest reach",
        code="out-of-reach",
    )
