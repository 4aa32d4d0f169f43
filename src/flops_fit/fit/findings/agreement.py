"""Do other ways to fit the same runs give the same N*?"""

from collections.abc import Iterator, Sequence

from flops_fit.design import Finding
from flops_fit.fit.competition import AHEAD, Rival, spread
from flops_fit.fit.law import Law
from flops_fit.fit.valley_law import ValleyLaw

_HOPELESS = 10.0
"""Ratio of two laws' N* from which on neither can be believed."""


def about_agreement(headline: Law, second: Law | None, rivals: Sequence[Rival]) -> Iterator[Finding]:
    """Yield at most one finding: the gravest doubt about N* that other fits of the same runs raise."""
    top = headline.flops_range[1]
    doubts = [_disagreement(headline, second, times * top) for times in AHEAD if second is not None]
    doubts += [_wide_spread(headline, rivals, which) for which in range(len(AHEAD)) if rivals]
    doubts += [_dependence_on_window(headline, top)]
    yield from [doubt for doubt in doubts if doubt is not None][:1]


def _disagreement(headline: Law, second: Law, flops: float) -> Finding | None:
    ours, theirs = headline.optimum(flops).n_params, second.optimum(flops).n_params
    if theirs.value in ours.interval:
        return None
    ratio = theirs.value / ours.value
    return Finding(
        code="unstable",
        severity="error" if max(ratio, 1 / ratio) > _HOPELESS else "warning",
        message=f"UNSTABLE: at {_where(flops / headline.flops_range[1])} the fit {second.name!r} puts N* at "
        f"{ratio:.2g} times that of {headline.name!r}, outside its interval.",
        action="trust neither far beyond the largest budget; a larger budget would decide between them",
        value=ratio,
        threshold=(ours.interval.high if ratio > 1 else ours.interval.low) / ours.value,
    )


def _wide_spread(headline: Law, rivals: Sequence[Rival], which: int) -> Finding | None:
    interval = headline.optimum(AHEAD[which] * headline.flops_range[1]).n_params.interval
    ends = spread(rivals, which)
    if ends is None:
        return None
    (smallest, least), (largest, most) = ends
    ratio, width = most / least, interval.high / interval.low
    if ratio <= width:
        return None
    return Finding(
        code="unstable",
        severity="warning",
        message=f"UNSTABLE: at {_where(AHEAD[which])} N* by {largest!r} is {ratio:.2g} times that by "
        f"{smallest!r}, more than the interval of {headline.name!r} is wide.",
        action="read the interval as one method's alone; a larger budget would tell the methods apart",
        value=ratio,
        threshold=width,
    )


def _dependence_on_window(headline: Law, flops: float) -> Finding | None:
    if not isinstance(headline, ValleyLaw):
        return None
    interval, ratio = headline.optimum(flops).n_params.interval, headline.disagreement(flops)
    if ratio <= interval.high / interval.low:
        return None
    return Finding(
        code="unstable",
        severity="warning",
        message="UNSTABLE: N* at the largest budget depends on how far from it runs still count.",
        action="train more sizes near the minimum of the upper budgets",
        value=ratio,
        threshold=interval.high / interval.low,
    )


def _where(times: float) -> str:
    return "the largest budget" if times == 1 else f"{times:g} times the largest budget"
