"""What is doubtful about an answer: how far it lies from the runs, and how little is known there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.fit import Optimum, ScalingLaw
from flops_fit.result import numbers

FAR = 1000.0
"""Times the largest budget trained beyond which an answer must be asked for explicitly."""
ROUNDED = 1.006
"""Times by which compute may exceed what is meant, because three digits were written of it."""
UNKNOWN = 1000.0
"""Ratio of the ends of the interval of N* from which on an answer must be asked for explicitly."""
UNSUPPORTED = "NOT SUPPORTED:"
"""How a doubt begins that leaves nothing to believe."""
_SOME = 1.005
"""Times above which a distance from the best size is worth a number."""
_FAR_OFF = 10.0
"""Times by which a size may lie further from the best one than any run did for runs to bear on its loss."""
_MARGIN = 0.1
"""e-folds of N by which a size may lie further from the best one than any run did."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is doubtful about one answer, with the number of times by which it is."""

    before: str
    times: float
    after: str

    def __str__(self) -> str:
        return worded([self])


def worded(doubts: Sequence[Doubt]) -> str:
    """Word doubts that differ in their number only as one sentence, which names the range."""
    low, high = (numbers.times(end) for end in (min(d.times for d in doubts), max(d.times for d in doubts)))
    return f"{doubts[0].before} {low if low == high else f'{low} to {high}'}{doubts[0].after}".lstrip()


def general_caveats(law: ScalingLaw, *, under: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what is doubtful about every answer of a law, but for what stands `under` banners already."""
    above = " ".join(under)
    return tuple(f.message for f in law.findings if f.severity != "info" and f.message not in above)


def doubts_about_optimum(law: ScalingLaw, flops: float, optimum: Optimum) -> tuple[Doubt, ...]:
    """Return what is doubtful about the best size of a compute."""
    return (*doubts_about_budget(law, flops), *_doubts_about_size(law, flops, optimum))


def doubts_off_optimum(law: ScalingLaw, flops: float, n_params: float, n_units: float) -> Iterator[Doubt]:
    """Yield what is doubtful about a size that is not the best one of its compute."""
    yield from doubts_about_budget(law, flops)
    yield from _doubts_about_extent(law, "N", n_params, "D", n_units)
    yield from doubts_beyond_runs(law, flops, n_params)


def doubts_beyond_runs(law: ScalingLaw, flops: float, n_params: float) -> Iterator[Doubt]:
    """Doubt a size that is further from the best one of its compute than any run was from its own."""
    away = np.log(n_params / law.headline.optimum(flops).n_params.value)
    below, above = _reach(law)
    if away < below - _MARGIN:
        yield _far_off(-away, "below", -below)
    if away > above + _MARGIN:
        yield _far_off(away, "above", above)


def _far_off(away: float, side: str, reach: float) -> Doubt:
    """Doubt a size so many e-folds off the best one, where runs lay up to `reach` off theirs."""
    best = f" times {side} the size of least loss for this training compute"
    before = f"{UNSUPPORTED} N is" if away - max(reach, 0.0) > np.log(_FAR_OFF) else "N is"
    return Doubt(before, float(np.exp(away)), f"{best}; {_reached(reach)} {side} its own.")


def _reached(reach: float) -> str:
    times = np.exp(max(reach, 0.0))
    return f"no run lay more than {times:.3g} times" if times >= _SOME else "no run lay"


def _reach(law: ScalingLaw) -> tuple[float, float]:
    """Return how far below and above the best size of their compute the sizes of runs lie, e-folds."""
    points = law.points
    flops = np.geomspace(points.flops.min(), points.flops.max(), 9)
    best = [law.headline.optimum(float(c)).n_params.value for c in flops]
    away = np.log(points.n_params) - np.interp(np.log(points.flops), np.log(flops), np.log(best))
    return float(away.min()), float(away.max())


def doubts_about_budget(law: ScalingLaw, flops: float) -> Iterator[Doubt]:
    """Yield what is doubtful about compute that lies beyond the runs."""
    low, high = law.flops_range
    if flops > high * 1.001:
        yield _beyond(flops / high)
    if flops < low * 0.999:
        yield _below(low / flops)


def _beyond(times: float) -> Doubt:
    where = " times the largest budget trained"
    if times <= 10 * ROUNDED:
        return Doubt("Extrapolated:", times, f"{where}.")
    if times <= FAR * ROUNDED:
        return Doubt("FAR EXTRAPOLATION:", times, f"{where}; the interval rests on the model of the trend.")
    return Doubt(UNSUPPORTED, times, f"{where}; nothing in these runs bears on it.")


def _below(times: float) -> Doubt:
    where = " times below the smallest budget trained"
    if times <= FAR * ROUNDED:
        return Doubt("Extrapolated:", times, f"{where}.")
    return Doubt(UNSUPPORTED, times, f"{where}; nothing in these runs bears on it.")


def _doubts_about_size(law: ScalingLaw, flops: float, optimum: Optimum) -> Iterator[Doubt]:
    n_params, interval = optimum.n_params.value, optimum.n_params.interval
    yield from _doubts_about_extent(law, "N*", n_params, "D*", flops / law.points.flops_per_unit(n_params))
    if (times := interval.high / interval.low) > 4:
        lead = f"{UNSUPPORTED} " if times > UNKNOWN else ""
        yield Doubt(f"{lead}N* is known only within a factor", times, ".")


def _doubts_about_extent(
    law: ScalingLaw, size: str, n_params: float, data: str, n_units: float
) -> Iterator[Doubt]:
    largest, most = float(law.points.n_params.max()), float(law.points.n_units.max())
    if n_params > largest * _SOME:
        yield Doubt(
            f"{size} is", n_params / largest, f" times the largest model trained ({numbers.count(largest)})."
        )
    if n_units > most * _SOME:
        yield Doubt(f"{data} is", n_units / most, f" times the most data trained on ({numbers.count(most)}).")
