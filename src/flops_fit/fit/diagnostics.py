"""What the reader of a fit should know: findings about the runs, the headline and the second opinion."""

from collections.abc import Iterator, Sequence

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.competition import AHEAD, Rival, spread
from flops_fit.fit.law import Law
from flops_fit.fit.odd_slopes import about_slopes
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.surface_findings import about_surface
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw

ENOUGH_BUDGETS, ENOUGH_SIZES = 7, 5
_NAMED = 4
"""Budgets or runs that a message names."""
_LEAST_SHARE_OF_6ND = 0.2
_LARGEST_SCATTER_OF_FLOPS = 0.2
_HOPELESS = 10.0
"""Ratio of two laws' N* from which on neither can be believed."""
_WIDE = 4.0
"""Ratio of the ends of the interval of N* at the top budget from which on it is no answer."""


def findings_of(
    points: Points,
    headline: Law,
    second: Law | None,
    planned: Sequence[Finding] = (),
    rivals: Sequence[Rival] = (),
) -> tuple[Finding, ...]:
    """Collect every finding, the gravest first."""
    findings = [
        *_about_runs(points),
        *_about_answer(headline),
        *_about_agreement(headline, second, rivals),
    ]
    if isinstance(headline, ValleyLaw):
        findings += [*_about_minima(headline.minima), *about_slopes(headline)]
    if isinstance(headline, SurfaceLaw):
        findings += about_surface(headline)
    codes = {finding.code for finding in findings}
    findings += [finding for finding in planned if finding.code not in codes]
    gravity = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda finding: gravity[finding.severity]))


def _about_runs(points: Points) -> Iterator[Finding]:
    if points.simulated:
        yield Finding(
            code="simulated",
            severity="warning",
            message="SIMULATED: losses were drawn from a formula, not trained.",
            action="use the numbers to rehearse the pipeline only",
        )
    if points.excluded:
        yield _about_excluded(points)
    if points.inferred_budgets and not np.isnan(points.budget).all():
        yield Finding(
            code="inferred-budgets",
            severity="info",
            message="The table names no budgets; runs of nearly equal compute were taken as one.",
            action="name them in a column `budget` if that is wrong",
        )
    share = float(np.median(points.flops / (6.0 * points.n_params * points.n_units)))
    if share < _LEAST_SHARE_OF_6ND:
        yield Finding(
            code="too-little-compute",
            severity="warning",
            message=f"The compute of the runs is {share:.2g} of 6·N·D, less than training them takes.",
            action="check that the FLOPs are those of the whole run, forward and backward",
        )
    if points.flops_per_unit.scatter > _LARGEST_SCATTER_OF_FLOPS:
        yield Finding(
            code="mixed-architectures",
            severity="warning",
            message="Models of the same size differ in FLOPs per data unit; the answers take a typical one.",
            action="fit one architecture at a time",
        )
    if points.counted_6nd:
        yield Finding(
            code="compute-is-6nd",
            severity="info",
            message="Compute is 6·N·D for every run: neither attention nor embeddings are counted apart.",
            action="give counted FLOPs in a column `C` if you have them",
        )


def _about_excluded(points: Points) -> Finding:
    n_runs = len(points.excluded) + len(points)
    some = "; ".join(f"{e.run_id} ({e.reason})" for e in points.excluded[:3])
    more = f" and {len(points.excluded) - 3} more" if len(points.excluded) > 3 else ""
    return Finding(
        code="excluded-runs",
        severity="warning" if len(points.excluded) > 0.1 * n_runs else "info",
        message=f"{len(points.excluded)} of {n_runs} runs take no part: {some}{more}.",
        action="look at why they failed; train them again if they sit near a minimum",
    )


def _about_answer(headline: Law) -> Iterator[Finding]:
    low, top = headline.flops_range
    interval = headline.optimum(top).n_params.interval
    width = interval.high / interval.low
    if width > _WIDE:
        yield Finding(
            code="undetermined-size",
            severity="error",
            message=f"N* is known only within a factor {width:.1f} at the largest budget.",
            action="train more sizes around the minimum of the upper budgets, or more seeds",
        )
    if top < 10 * low:
        yield Finding(
            code="short-range",
            severity="warning",
            message=f"Budgets span a factor {top / low:.1f} of compute; an exponent needs a decade.",
            action="add a smaller or a larger budget",
        )
    local, whole = headline.exponent_at_top, headline.exponent_whole_range
    if whole.value not in local.interval:
        yield Finding(
            code="bent-trend",
            severity="info",
            message=f"N* grows as C^{local.value:.2f} at the top but C^{whole.value:.2f} over the range.",
            action="extrapolate with the exponent at the top; quote the other for comparison only",
        )


def _about_agreement(headline: Law, second: Law | None, rivals: Sequence[Rival]) -> Iterator[Finding]:
    """Yield at most one finding: the gravest doubt about N* that other fits of the same runs raise."""
    top = headline.flops_range[1]
    doubts = [_disagreement(headline, second, times * top) for times in AHEAD if second is not None]
    doubts += [_wide_spread(headline, rivals, which) for which in range(len(AHEAD)) if rivals]
    doubts += [_dependence_on_window(headline, top)]
    yield from [doubt for doubt in doubts if doubt is not None][:1]


def _where(times: float) -> str:
    return "the largest budget" if times == 1 else f"{times:g} times the largest budget"


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
    )


def _wide_spread(headline: Law, rivals: Sequence[Rival], which: int) -> Finding | None:
    interval = headline.optimum(AHEAD[which] * headline.flops_range[1]).n_params.interval
    smallest, largest = spread(rivals, which)
    ratio = largest.n_params[which] / smallest.n_params[which]
    if ratio <= interval.high / interval.low:
        return None
    return Finding(
        code="unstable",
        severity="warning",
        message=f"UNSTABLE: at {_where(AHEAD[which])} N* by {largest.name!r} is {ratio:.2g} times that by "
        f"{smallest.name!r}, more than the interval of {headline.name!r} is wide.",
        action="read the interval as one method's alone; a larger budget would tell the methods apart",
    )


def _dependence_on_window(headline: Law, flops: float) -> Finding | None:
    if not isinstance(headline, ValleyLaw) or not _windows_disagree(headline, flops):
        return None
    return Finding(
        code="unstable",
        severity="warning",
        message="UNSTABLE: N* at the largest budget depends on how far from it runs still count.",
        action="train more sizes near the minimum of the upper budgets",
    )


def _windows_disagree(valley: ValleyLaw, flops: float) -> bool:
    interval = valley.optimum(flops).n_params.interval
    return valley.disagreement(flops) > interval.high / interval.low


def _about_minima(minima: Sequence[BudgetMinimum]) -> Iterator[Finding]:
    if len(minima) < ENOUGH_BUDGETS:
        yield Finding(
            code="few-budgets",
            severity="warning",
            message=f"{len(minima)} budgets: the intervals rest on assumptions more than on runs.",
            action=f"train at least {ENOUGH_BUDGETS} budgets",
        )
    at_edge = [m for m in minima if m.at_edge]
    yield from _about_some(
        at_edge,
        code="minimum-at-edge",
        message="The best size lies beyond the sizes trained",
        action="train sizes near " + ", ".join(f"N = {m.n_params:.3g}" for m in at_edge[:_NAMED]),
        grave=2 * len(at_edge) > len(minima),
    )
    flat = [m for m in minima if m.flat]
    yield from _about_some(
        flat,
        code="flat-budget",
        message="No curvature can be told from noise",
        action="train a wider range of sizes, or more seeds",
        grave=2 * len(flat) > len(minima),
    )
    yield from _about_outliers(minima)
    yield from _about_some(
        [m for m in minima if m.n_sizes < ENOUGH_SIZES],
        code="few-sizes",
        message=f"Fewer than {ENOUGH_SIZES} sizes were trained",
        action="train more sizes around the minimum",
    )
    off_trend = [m for m in minima if m.off_trend]
    yield from _about_some(
        off_trend,
        code="off-trend",
        message="The minimum does not fit the trend",
        action="look at the runs: a diverged or interrupted one may be among them",
        grave=2 * len(off_trend) > len(minima),
    )


def _about_outliers(minima: Sequence[BudgetMinimum]) -> Iterator[Finding]:
    n_outliers, n_runs = sum(m.n_outliers for m in minima), sum(m.n_runs for m in minima)
    if n_outliers > 0.1 * n_runs:
        yield Finding(
            code="many-outliers",
            severity="error" if n_outliers > 0.3 * n_runs else "warning",
            message=f"{n_outliers} of the {n_runs} runs around the minima are off their curve and ignored.",
            action="look for diverged runs, mixed data sets or a learning rate that does not suit every size",
        )


def _about_some(
    minima: Sequence[BudgetMinimum], *, code: str, message: str, action: str, grave: bool = False
) -> Iterator[Finding]:
    """Yield one finding about the budgets that share a doubt, if there are any."""
    if minima:
        yield Finding(
            code=code,
            severity="error" if grave else "warning",
            message=f"{message} at {_named(minima)}.",
            action=action,
        )


def _named(minima: Sequence[BudgetMinimum]) -> str:
    names = ", ".join(f"{m.flops:.3g}" for m in minima[:_NAMED])
    return f"{names} FLOPs" if len(minima) <= _NAMED else f"{names} and {len(minima) - _NAMED} more budgets"
