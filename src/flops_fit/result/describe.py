"""A law in words: the table, its exponents, the second opinion and every finding."""

from flops_fit.fit import Conventions, Estimate, ScalingLaw
from flops_fit.fit.competition import AHEAD
from flops_fit.result import numbers


def describe(law: ScalingLaw, table: str) -> str:
    """Put `table` first and everything that explains it below."""
    blocks = [table, "\n".join(_about_fit(law)), "\n".join(_about_findings(law))]
    return "\n\n".join(block for block in blocks if block)


def _about_fit(law: ScalingLaw) -> list[str]:
    low, high = law.flops_range
    span = f"{numbers.compute(low)} to {numbers.compute(high)} FLOPs"
    local, whole = _exponent(law.headline.exponent_at_top), _exponent(law.headline.exponent_whole_range)
    lines = [
        f"Fit {law.headline.name!r} to {len(law.points)} runs, {span}.",
        f"N* grows as C^a: a = {local} at the largest budget, {whole} over the whole range.",
    ]
    if law.second is not None:
        optimum = law.second.optimum(high)
        lines.append(
            f"Second opinion, {law.second.name!r}: at {numbers.compute(high)} FLOPs "
            f"N {numbers.count(optimum.n_params.value)}, L {numbers.loss(optimum.loss.value)}; "
            f"a = {_exponent(law.second.exponent_at_top)}."
        )
    return [*lines, *_about_rivals(law), _about_conventions(law.conventions)]


def _about_rivals(law: ScalingLaw) -> list[str]:
    """Say how far the methods are apart, at the largest budget and at ten times that."""
    if len(law.rivals) < 2:
        return []
    lines = ["All methods on the same runs: " + ", ".join(rival.name for rival in law.rivals) + "."]
    for which, times in enumerate(AHEAD):
        sizes = [rival.n_params[which] for rival in law.rivals]
        losses = [rival.loss[which] for rival in law.rivals]
        lines.append(
            f"  At {numbers.compute(times * law.flops_range[1])} FLOPs they put "
            f"N* from {numbers.count(min(sizes))} to {numbers.count(max(sizes))}, "
            f"L* from {numbers.loss(min(losses))} to {numbers.loss(max(losses))}."
        )
    return lines


def _about_conventions(conventions: Conventions) -> str:
    """Say how N, C and L are counted, and how to declare what nobody did."""
    n_params, flops, loss_unit = conventions.n_params, conventions.flops, conventions.loss_unit
    found = {"--n-is": n_params, "--c-is": flops, "--loss-unit": loss_unit}
    unknown = ", ".join(option for option, said in found.items() if said == "unknown")
    hint = f" If you know better, say so: {unknown}." if unknown else ""
    return f"Counted as: N {n_params}, C {flops}, unit of L {loss_unit}.{hint}"


def _exponent(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.interval.low:.3f} to {estimate.interval.high:.3f})"


def _about_findings(law: ScalingLaw) -> list[str]:
    return [f"{f.severity} {f.code}: {f.message}\n  {f.action}" for f in law.findings]
