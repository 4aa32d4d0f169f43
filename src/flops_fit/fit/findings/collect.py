"""Everything that the reader of a fit should know, the gravest first."""

from collections.abc import Iterator, Sequence

from flops_fit.design import Finding
from flops_fit.fit.competition import Rival
from flops_fit.fit.conventions import UNKNOWN
from flops_fit.fit.findings.agreement import about_agreement
from flops_fit.fit.findings.answer import about_answer
from flops_fit.fit.findings.counting import about_counting
from flops_fit.fit.findings.estimators import about_estimators
from flops_fit.fit.findings.forecasts import about_backtest, about_forecasts
from flops_fit.fit.findings.grid import about_grid
from flops_fit.fit.findings.identifiability import about_identifiability
from flops_fit.fit.findings.influence import about_influence
from flops_fit.fit.findings.minima import about_minima
from flops_fit.fit.findings.outliers import about_outliers
from flops_fit.fit.findings.seeds import about_seeds
from flops_fit.fit.findings.table import about_table
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.odd_slopes import about_slopes
from flops_fit.fit.points import Points
from flops_fit.fit.sets import OF_SETS
from flops_fit.fit.surface import SurfaceLaw, runs_used
from flops_fit.fit.surface_findings import about_surface
from flops_fit.fit.valley_law import ValleyLaw
from flops_fit.runs import RunRecord

_OF_ANY_SURFACE = {"left-out-runs", "not-converged"}
"""What holds of a form also where it is only part of an average."""
_OF_SEEDS = {"more-than-seeds", "noisy-seeds"}
"""Not believed of several sets of runs in one: what looks like another seed may be another data set."""
_GRAVITY = {"error": 0, "warning": 1, "info": 2}


_SEEN_BY_VALLEY = frozenset({"one-sided"})
"""What a plan fears of a prior optimum, and a valley knows of the minima that were found."""


def findings_of(
    points: Points,
    headline: Law,
    second: Law | None,
    *,
    planned: Sequence[Finding] = (),
    rivals: Sequence[Rival] = (),
    records: Sequence[RunRecord] = (),
    loss_unit: str = UNKNOWN,
) -> tuple[Finding, ...]:
    """Collect every finding, the gravest first.

    Args:
        points: The runs.
        headline: The law that answers.
        second: The other kind of law.
        planned: What the plan knew already; the fit's own finding of a code takes its place.
        rivals: What every method makes of the runs.
        records: The runs as they came, with what the points leave out.
        loss_unit: Of the loss, as far as it is known.
    """
    failed = [*about_backtest(headline, rivals)]
    findings = [
        *about_table(points, records),
        *about_answer(headline),
        *about_agreement(headline, second, rivals),
        *failed,
        # A refit that starts from the fit to all runs flatters a law that fails from scratch.
        *(f for f in _about_kind(points, headline, loss_unit) if not failed or f.code != failed[0].code),
    ]
    if any(finding.code in OF_SETS for finding in planned):
        findings = [finding for finding in findings if finding.code not in _OF_SEEDS]
    codes = {finding.code for finding in findings}
    if isinstance(headline, ValleyLaw):
        codes |= _SEEN_BY_VALLEY
    findings += [finding for finding in planned if finding.code not in codes]
    findings += about_counting(points)  # what is odd about the runs comes before what is true of all
    return tuple(sorted(findings, key=_place))


def _place(finding: Finding) -> tuple[int, bool]:
    """Sort by gravity; whether runs belong together comes before what is odd about them."""
    return _GRAVITY[finding.severity], finding.code not in OF_SETS


def _about_kind(points: Points, headline: Law, loss_unit: str) -> Iterator[Finding]:
    """Yield what only our own laws let us ask; those of plugins bring no residuals."""
    if isinstance(headline, ValleyLaw):
        yield from about_minima(points, headline)
        yield from about_slopes(headline, loss_unit)
        yield from about_grid(points, headline)
        yield from _about_runs(points, headline)
    elif isinstance(headline, SurfaceLaw):
        used = runs_used(points, headline)
        yield from about_surface(headline)
        yield from about_identifiability(used, headline)
        yield from about_estimators(used, headline)
        yield from _about_runs(used, headline)
    elif isinstance(headline, MixtureLaw):
        yield from _about_mixture(points, headline)


def _about_runs(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    yield from about_outliers(points, law)
    yield from about_seeds(points, law)
    yield from about_forecasts(points, law)
    yield from about_influence(points, law)


def _about_mixture(points: Points, law: MixtureLaw) -> Iterator[Finding]:
    """Look at the runs through the form that is believed most."""
    lead = law.members[0]
    used = runs_used(points, lead)
    yield from (f for f in about_surface(lead) if f.code in _OF_ANY_SURFACE)
    yield from about_identifiability(used, lead)
    yield from about_outliers(used, lead)
    yield from about_seeds(used, lead)
