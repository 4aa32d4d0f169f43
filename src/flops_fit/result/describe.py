"""A law in words: the table, how it came about, what other methods say, and every finding."""

from collections.abc import Iterator

import numpy as np

from flops_fit.errors import argument, by_interface
from flops_fit.fit import Conventions, CurveLaw, Estimate, Law, ScalingLaw, ValleyLaw
from flops_fit.fit.competition import AHEAD, Rival
from flops_fit.fit.conventions import UNKNOWN
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.power_laws import PowerLaw, PowerLaws
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.fit.valley import WINDOWS
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.curve import about_curve
from flops_fit.result.tables import markdown_rows
from flops_fit.text_columns import wrapped

_NO_ANSWER = "none"
"""Stands for the answer of a method that has no best size."""


def describe(law: ScalingLaw, table: str) -> str:
    """Put `table` first and everything that explains it below."""
    blocks = (table, "\n".join(about_fit(law)), _about_rivals(law), about_findings(law))
    return "\n\n".join(block for block in blocks if block)


def about_findings(law: ScalingLaw) -> str:
    """List the findings, the gravest first, each with what to do about it."""
    return "\n".join(
        f"{wrapped(f'{f.severity} {f.code}: {f.message}')}\n  -> {f.action}" for f in law.findings
    )


def about_fit(law: ScalingLaw) -> list[str]:
    """Say how a law came about and how it grows, a line for each thing."""
    if isinstance(law.headline, CurveLaw):
        return about_curve(law.headline)
    low, high = law.flops_range
    span = f"{numbers.compute(low)} to {numbers.compute(high)} FLOPs"
    return [
        f"Fit: {_kind(law.headline)}, {len(law.points)} runs, {span}.",
        *about_runs(law),
        _about_intervals(law.headline),
        *_about_exponents(law),
        *_about_parameters(law.headline),
        *_about_second(law),
        *wrapped(_about_conventions(law.conventions, law.points)).splitlines(),
    ]


def rivals_rows(law: ScalingLaw) -> list[tuple[str, ...]]:
    """Tabulate what every method answers, header first; empty where only one was tried."""
    if len(law.rivals) < 2:
        return []
    places = [f"at {numbers.compute(times * law.flops_range[1])}" for times in AHEAD]
    answers = [f"{what} {place}" for what in ("N*", "L*") for place in places]
    return [("method", *answers, "missed L*", "missed N*"), *map(_row, law.rivals)]


def _kind(headline: Law) -> str:
    """Say in a few words what a law is."""
    if isinstance(headline, ValleyLaw):
        return "'valley' (the minimum of every budget, joined by trends)"
    if isinstance(headline, MixtureLaw):
        shares = zip(headline.weights, headline.members, strict=True)
        return "'average' of " + ", ".join(f"{member.name} ({weight:.0%})" for weight, member in shares)
    return f"{headline.name!r}"


def about_runs(law: ScalingLaw) -> Iterator[str]:
    """Say which runs place the minima of a valley, where not all of them do."""
    if not isinstance(law.headline, ValleyLaw):
        return
    n_placing = sum(minimum.n_runs for minimum in law.headline.minima)
    n_alone = int(np.isnan(law.points.budget).sum())
    n_far = len(law.points) - n_placing - n_alone
    reasons = [
        *([f"{n_far} differ more from it in size"] if n_far > 0 else []),
        *([f"{n_alone} belong to no budget"] if n_alone else []),
    ]
    if reasons:
        around = f"within about a factor {np.exp(WINDOWS[-1]):.1f} of their budget's best size"
        yield f"The minima rest on the {n_placing} runs {around};"
        yield f"  {' and '.join(reasons)}."


def _about_intervals(headline: Law) -> str:
    if isinstance(headline, ValleyLaw):
        return "Intervals: where 95 of 100 further sweeps like this one would find the minimum of a budget."
    return "Intervals: 95%, as far as the form is right or the table's own upper runs show how wrong it is."


def _about_exponents(law: ScalingLaw) -> Iterator[str]:
    local, whole = law.headline.exponent_at_top, law.headline.exponent_whole_range
    yield f"N* grows as C^a with a = {_exponent(local)} at the largest budget, by which forecasts go;"
    yield f"  over the whole range a = {_exponent(whole)}, to quote and to compare with published ones."
    if law.power_laws is not None:
        yield from _about_power_laws(law, law.power_laws)


def _about_power_laws(law: ScalingLaw, power_laws: PowerLaws) -> Iterator[str]:
    """Say what the power laws are, so that nobody quotes them for the exponent above."""
    yield "Not to be quoted for a: power laws through the interpolated minima alone, each by least squares in"
    yield "  linear space, where the largest budgets decide and exponents need not add up to 1."
    yield f"  {power_laws.about_budgets}"
    whole = law.headline.exponent_whole_range.interval
    yield f"  {power_laws.n_params.sentence}{_outside(power_laws.n_params, whole, 'a')}"
    of_data = Interval(1 - whole.high, 1 - whole.low)
    aside = _outside(power_laws.n_units, of_data, "1 - a") if law.points.counted_6nd else ""
    yield f"  {power_laws.n_units.sentence}{aside}"
    yield f"  {power_laws.loss.sentence}"


def _outside(power_law: PowerLaw, interval: Interval, name: str) -> str:
    if power_law.exponent in interval:
        return ""
    return f" C^{power_law.exponent:.3f} lies outside {name} above ({_range(interval)})."


def _about_parameters(surface: Law) -> list[str]:
    """Give the parameters of a form, by which its numbers can be computed anew."""
    if not isinstance(surface, SurfaceLaw):
        return []
    named = ", ".join(
        f"{name} = {_parameter(found, on_bound=name in surface.on_bound)}"
        for name, found in surface.parameters
    )
    return wrapped(f"Parameters of {surface.name!r}: {named}.").splitlines()


def _parameter(found: Estimate, *, on_bound: bool) -> str:
    low, high = f"{found.interval.low:.3g}", f"{found.interval.high:.3g}"
    interval = "on its bound" if on_bound and low == high else f"{low} to {high}"
    return f"{found.value:.4g} ({interval})"


def _about_second(law: ScalingLaw) -> Iterator[str]:
    if law.second is not None:
        high = law.flops_range[1]
        optimum = law.second.optimum(high)
        yield (
            f"Second opinion, {law.second.name!r}: at {numbers.compute(high)} FLOPs "
            f"N {numbers.count(optimum.n_params.value)}, L {numbers.loss(optimum.loss.value)}; "
            f"a = {_exponent(law.second.exponent_at_top)}."
        )
        yield from _about_parameters(law.second)


def _about_conventions(conventions: Conventions, points: Points) -> str:
    """Say how N, C and L are counted, and how to declare what nobody did."""
    n_params: str = conventions.n_params
    flops, loss_unit = conventions.flops, conventions.loss_unit
    found = {
        by_interface(command="--n-is", python="n_params"): n_params,
        by_interface(command="--c-is", python="flops"): flops,
        argument("loss_unit"): loss_unit,
    }
    unknown = ", ".join(option for option, said in found.items() if said == UNKNOWN)
    hint = f" If you know better, say so: {unknown}." if unknown else ""
    if n_params == UNKNOWN and np.all(points.n_params_nonembedding < points.n_params):
        n_params = "as given (a smaller count, without embeddings, stands beside it)"
    return f"Counted as: N {n_params}, C {flops}, unit of L {loss_unit}.{hint}"


def _about_rivals(law: ScalingLaw) -> str:
    """Show what every method answers, and how far it missed upper runs when it saw lower ones only."""
    rows = rivals_rows(law)
    if not rows:
        return ""
    head = "What each method makes of the same runs, and how far it missed upper runs when shown lower ones:"
    absurd = [f"{_NO_ANSWER}: no best size within reason of the sizes trained."]
    foot = absurd if any(None in rival.n_params for rival in law.rivals) else []
    return "\n".join([head, "", *markdown_rows(rows), *foot])


def _row(rival: Rival) -> tuple[str, ...]:
    missed_loss = "" if rival.backtest_loss is None else f"{rival.backtest_loss:.2%}"
    missed_size = "" if rival.backtest_size is None else f"{np.expm1(rival.backtest_size):.1%}"
    sizes = (_NO_ANSWER if n is None else numbers.count(n) for n in rival.n_params)
    losses = (_NO_ANSWER if loss is None else numbers.loss(loss) for loss in rival.loss)
    return (rival.name, *sizes, *losses, missed_loss, missed_size)


def _exponent(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({_range(estimate.interval)})"


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
