"""A law in words: the table, its exponents, the second opinion and every finding."""

from flops_fit.fit import Estimate, ScalingLaw
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
    return lines


def _exponent(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.interval.low:.3f} to {estimate.interval.high:.3f})"


def _about_findings(law: ScalingLaw) -> list[str]:
    return [f"{f.severity} {f.code}: {f.message}\n  {f.action}" for f in law.findings]
