"""Is the answer sharp, and is it one answer?"""

from collections.abc import Iterator

from flops_fit.design import Finding
from flops_fit.fit.findings.wording import ONE_KIND
from flops_fit.fit.law import Law

_WIDE = 4.0
"""Ratio of the ends of the interval of N* at the top budget from which on it is no answer."""
_ABSURD = 1000.0
"""Such ratio as no lack of runs explains."""
_BENT = 0.01
"""Difference of exponents from which on two digits tell them apart."""


def about_answer(headline: Law) -> Iterator[Finding]:
    """Yield what the reader of N* and its exponent must know."""
    interval = headline.optimum(headline.flops_range[1]).n_params.interval
    width = interval.high / interval.low
    if width > _WIDE:
        yield Finding(
            code="undetermined-size",
            severity="error",
            message=f"N* is known only within a factor {_short(width)} at the largest budget.",
            action=(ONE_KIND if width > _ABSURD else "")
            + "train more sizes around the minimum of the upper budgets, or more seeds",
            value=width,
            threshold=_WIDE,
        )
    local, whole = headline.exponent_at_top, headline.exponent_whole_range
    if whole.value not in local.interval and abs(whole.value - local.value) > _BENT:
        yield Finding(
            code="bent-trend",
            severity="info",
            message=f"N* grows as C^{local.value:.2f} at the top but C^{whole.value:.2f} over the range.",
            action="extrapolate with the exponent at the top; quote the other for comparison only",
            value=whole.value - local.value,
        )


def _short(factor: float) -> str:
    return f"{factor:.1f}" if factor < 1000 else f"{factor:.2g}"
