"""Does each budget show a minimum, and where the others expect it?"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.findings.wording import budgets_named, sizes_beyond
from flops_fit.fit.points import Points
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw

_ROOM = float(np.log(1.2))
"""e-folds of N by which the outermost sizes must enclose the optimum."""
_EACH_SIDE = 2
"""Sizes wanted on either side of it."""
_WIDE = 16.0
"""Times that the largest size of a budget is the smallest from which on still wider sizes are no remedy."""


def about_minima(points: Points, law: ValleyLaw) -> Iterator[Finding]:
    """Yield the budgets whose minimum is not where it should be."""
    yield from _about_sizes(law, _placements(points, law))
    flat = [m.flops for m in law.minima if m.flat]
    if flat:
        yield _about(
            flat,
            law.minima,
            code="flat-budget",
            message="No curvature can be told from noise",
            action=_to_bend(points, law),
            mild=len(flat) == 1,
        )
    off_trend = [m.flops for m in law.minima if m.off_trend]
    if off_trend:
        yield _about(
            off_trend,
            law.minima,
            code="off-trend",
            message="The minimum does not fit the trend",
            action="look at the runs: a diverged or interrupted one may be among them, or all runs of a "
            "budget may be of other data or settings",
        )


def _to_bend(points: Points, law: ValleyLaw) -> str:
    """Say what would tell the curvature of flat budgets from noise."""
    flat = (budget for m, budget in zip(law.minima, budgets_of(points), strict=True) if m.flat)
    if min(np.ptp(budget.log_n) for budget in flat) > np.log(_WIDE):
        return "train more seeds, or larger budgets: the sizes are far enough apart"
    return "train a wider range of sizes, or more seeds"


class _Placement(NamedTuple):
    """Where the sizes of a budget lie, as seen from its fitted optimum."""

    flops: float
    n_params: float
    """The optimum."""
    enclosed: bool
    n_on_thinner_side: int
    thinner_above: bool
    """Whether that side is the one of larger sizes."""
    last_size: float
    """The smallest size trained, or the largest: the one that the optimum lies nearer to."""
    last_is_largest: bool


def _placements(points: Points, law: ValleyLaw) -> list[_Placement]:
    placements = []
    for minimum, budget in zip(law.minima, budgets_of(points), strict=True):
        log_n = float(np.mean([m.size_trend.predict(budget.log_flops).mean for m in law.valley.members]))
        placements.append(_placed(minimum, budget.log_n, log_n))
    return placements


def _placed(minimum: BudgetMinimum, log_sizes: Floats, log_n: float) -> _Placement:
    """Place the sizes of a budget around its optimum, or around its own runs' where that lies beyond."""
    sizes = np.unique(np.round(log_sizes, 3))
    own = float(np.log(minimum.n_params)) if minimum.at_edge else log_n
    above = sizes[-1] - own < own - sizes[0]
    n_below = int(np.sum(sizes < log_n))
    return _Placement(
        flops=minimum.flops,
        n_params=float(np.exp(log_n)),
        enclosed=bool(sizes[0] + _ROOM <= log_n <= sizes[-1] - _ROOM and not minimum.at_edge),
        n_on_thinner_side=min(n_below, len(sizes) - n_below),
        thinner_above=2 * n_below > len(sizes),
        last_size=float(np.exp(log_sizes.max() if above else log_sizes.min())),
        last_is_largest=bool(above),
    )


def _about_sizes(law: ValleyLaw, placements: Sequence[_Placement]) -> Iterator[Finding]:
    beyond = [p for p in placements if not p.enclosed]
    if beyond:
        yield _about(
            [p.flops for p in beyond],
            law.minima,
            code="minimum-at-edge",
            message=f"The best size lies at or beyond the {_last(beyond)} size trained",
            action="train sizes " + sizes_beyond([(p.last_is_largest, p.last_size, p.flops) for p in beyond]),
        )
    lopsided = [p for p in placements if p.enclosed and p.n_on_thinner_side < _EACH_SIDE]
    if lopsided:
        yield Finding(
            code="one-sided",
            severity="warning" if 2 * len(lopsided) > len(placements) else "info",
            message="On one side of the optimum lies a single size at "
            f"{budgets_named([p.flops for p in lopsided])}.",
            action="train more sizes "
            + sizes_beyond([(p.thinner_above, p.n_params, p.flops) for p in lopsided]),
            value=len(lopsided),
            threshold=len(placements) / 2,
        )


def _last(beyond: Sequence[_Placement]) -> str:
    return " or ".join(sorted({"largest" if p.last_is_largest else "smallest" for p in beyond}, reverse=True))


def _about(
    doubtful: Sequence[float],
    minima: Sequence[BudgetMinimum],
    *,
    code: str,
    message: str,
    action: str,
    mild: bool = False,
) -> Finding:
    """Return one finding about the budgets that share a doubt: grave where they are the majority."""
    grave = 2 * len(doubtful) > len(minima)
    return Finding(
        code=code,
        severity="error" if grave else "info" if mild else "warning",
        message=f"{message} at {budgets_named(doubtful)}.",
        action=action,
        value=len(doubtful),
        threshold=len(minima) / 2,
    )
