"""What the reader of a fitted curve should know."""

from collections.abc import Iterator, Sequence

import numpy as np

from flops_fit.design import Finding
from flops_fit.errors import text_argument
from flops_fit.fit.curve_law import CurveLaw
from flops_fit.fit.findings.table import about_table
from flops_fit.fit.points import Points
from flops_fit.runs import RunRecord

_ARRIVED = 1e-6
"""Share of the objective that one more step may still promise at a minimum."""
_DIFFERENT = 0.03
"""Standard deviation of ln loss among runs of one x from which on they are hardly of one kind."""
_OF_COMPUTE = {
    "compute-is-6nd",
    "inferred-budgets",
    "named-budgets",
    "no-budgets",
    "too-little-compute",
    "mixed-architectures",
}
"""Findings about the compute of runs, which a curve over data does not ask for."""
_SAID = {"unnamed-sets"}
"""What `mixed-curves` says in its own words."""


def findings_of_curve(
    points: Points, law: CurveLaw, *, planned: Sequence[Finding] = (), records: Sequence[RunRecord] = ()
) -> tuple[Finding, ...]:
    """Collect every finding, the gravest first."""
    found = [
        *(f for f in (*about_table(points, records), *planned) if f.code not in _OF_COMPUTE | _SAID),
        *_about_fit(law),
        *_about_kinds(law),
    ]
    gravity = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: gravity[finding.severity]))


def _about_fit(law: CurveLaw) -> Iterator[Finding]:
    yield Finding(
        code="form-assumed",
        severity="info",
        message=f"Intervals hold if losses follow {law.name!r}; they know nothing of its misfit.",
        action="compare other curves under `fit`, and hold back the largest run to test them",
    )
    if law.gain_left > _ARRIVED:
        yield Finding(
            code="not-converged",
            severity="error",
            message=f"The fit of {law.name!r} has not arrived: one more step promises a gain of "
            f"{law.gain_left:.2g}.",
            action="choose a curve of fewer parameters: these runs do not determine this one",
            value=law.gain_left,
            threshold=_ARRIVED,
        )
    if law.on_bound:
        yield Finding(
            code="parameter-on-bound",
            severity="warning",
            message=f"{', '.join(law.on_bound)} of {law.name!r} ended on a bound: not determined.",
            action=f"train over a wider range of {law.over}, or choose a curve of fewer parameters",
        )


def _about_kinds(law: CurveLaw) -> Iterator[Finding]:
    """Warn of runs that differ although they had the same data: several curves in one table."""
    _, of, counts = np.unique(law.x, return_inverse=True, return_counts=True)
    spare = len(law.x) - len(counts)
    if spare < 1:
        return
    means = np.bincount(of, np.log(law.loss)) / counts
    scatter = float(np.sqrt(np.sum((np.log(law.loss) - means[of]) ** 2) / spare))
    if scatter > _DIFFERENT:
        yield Finding(
            code="mixed-curves",
            severity="warning",
            message=f"Runs of the same {law.over} differ by {scatter:.1%} in loss, more than seeds do.",
            action="fit one architecture and one data set at a time, e.g. "
            + text_argument("where", {"group": "NAME"}),
            value=scatter,
            threshold=_DIFFERENT,
        )
