"""Are there budgets and sizes enough to carry the answer?"""

from collections.abc import Iterator

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.findings.wording import budgets_named
from flops_fit.fit.points import Points
from flops_fit.fit.valley_law import ValleyLaw

ENOUGH_BUDGETS, FEWEST_BUDGETS = 7, 4
ENOUGH_SIZES = 5
_DECADE = 10.0
_CONTRAST = float(np.log(2))
"""Standard deviation of ln(D/N) within a budget below which N and D hardly vary against each other."""


def about_grid(points: Points, law: ValleyLaw) -> Iterator[Finding]:
    """Yield where an IsoFLOP grid is too thin."""
    n_budgets = len(law.minima)
    if n_budgets < ENOUGH_BUDGETS:
        yield Finding(
            code="few-budgets",
            severity="error" if n_budgets < FEWEST_BUDGETS else "warning",
            message=f"{n_budgets} budgets: the intervals rest on assumptions more than on runs.",
            action=f"train at least {ENOUGH_BUDGETS} budgets",
            value=n_budgets,
            threshold=ENOUGH_BUDGETS,
        )
    low, top = law.flops_range
    if top < _DECADE * low:
        yield Finding(
            code="narrow-span",
            severity="warning",
            message=f"The budgets span a factor of {top / low:.3g}; below a decade exponents are loose.",
            action=f"reach from {low:.3g} to at least {_DECADE * low:.3g} FLOPs",
            value=top / low,
            threshold=_DECADE,
        )
    yield from _about_sizes(points, law)


def _about_sizes(points: Points, law: ValleyLaw) -> Iterator[Finding]:
    thin = [m for m in law.minima if m.n_sizes < ENOUGH_SIZES]
    if thin:
        yield Finding(
            code="few-sizes-per-budget",
            severity="warning",
            message=f"Fewer than {ENOUGH_SIZES} sizes at {budgets_named([m.flops for m in thin])}.",
            action="train more sizes around the minimum",
            value=min(m.n_sizes for m in thin),
            threshold=ENOUGH_SIZES,
        )
    contrast = float(np.median([2 * np.std(b.log_n) for b in budgets_of(points)]))
    if contrast < _CONTRAST:
        yield Finding(
            code="narrow-sizes",
            severity="warning",
            message=f"Within a budget D/N varies by a factor {np.exp(contrast):.2g} only (standard "
            "deviation), which shows little of the valley.",
            action="train sizes over a factor of 8 on either side of the best one",
            value=contrast,
            threshold=_CONTRAST,
        )
