"""Fit runs that exist: what their losses are is declared or looked for first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from flops_fit.components import FitForm
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.conventions import Conventions, conventions_of
from flops_fit.fit.curves.curve import Curve
from flops_fit.fit.error_rates import about_error_rates, are_error_rates, form_for_error_rates
from flops_fit.fit.forms import DataConstrained
from flops_fit.fit.pipeline import check_fit, fit_law
from flops_fit.fit.points import Points, points_of
from flops_fit.fit.scaling_law import ScalingLaw
from flops_fit.fit.sets import OF_SETS, about_sets
from flops_fit.fit.unnamed_sets import about_unnamed_sets
from flops_fit.runs import RunRecord

_OF_REPETITION = {"many-epochs", "repeated-data"}
"""What a plan or a table fears of data that are seen again, with which some forms reckon."""


def fit_imported(
    records: Sequence[RunRecord],
    form: FitForm | None,
    *,
    unit: str,
    declared: Conventions,
    planned: Sequence[Finding] = (),
    labels: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> ScalingLaw:
    """Fit runs as `fit_law` does, error rates by a form that suits them, and tell of sets that a table mixes.

    Args:
        records: The runs.
        form: What to fit; None chooses.
        unit: What one unit of D is.
        declared: How the runs count N, C and loss.
        planned: What is known of the runs already.
        labels: Columns of text of their table, which may name sets.

    Raises:
        FitError: as `fit_law`, or the runs contradict what is declared (`convention-contradicted`).
    """
    points = points_of(records)
    loss_unit = conventions_of(points, declared, unit=unit).loss_unit
    planned = tuple(_graver(finding) if "nats" in declared.loss_unit else finding for finding in planned)

    def check(alone: Sequence[RunRecord]) -> None:
        of_set = points_of(alone)
        check_fit(of_set, _suited(of_set, form, loss_unit))

    if isinstance(form, DataConstrained):
        planned = tuple(finding for finding in planned if finding.code not in _OF_REPETITION)
    planned = (*planned, *(about_sets(records, labels, check) or about_unnamed_sets(points)))
    suited = _suited(points, form, loss_unit)
    if _hold_error_rates(points, form, loss_unit):
        planned = (*planned, *about_error_rates(points, suited, loss_unit))
    try:
        return fit_law(records, suited, unit=unit, declared=declared, planned=planned)
    except FitError as error:
        raise _with_sets(error, planned) from None


def _graver(finding: Finding) -> Finding:
    """Losses that are declared to be nats and are too large for that are hardly nats."""
    return replace(finding, severity="warning") if finding.code == "large-losses" else finding


def _suited(points: Points, form: FitForm | None, loss_unit: str) -> FitForm | None:
    """Return the form that these runs are fitted by."""
    return form_for_error_rates(points, form) if _hold_error_rates(points, form, loss_unit) else form


def _hold_error_rates(points: Points, form: FitForm | None, loss_unit: str) -> bool:
    return not isinstance(form, Curve) and are_error_rates(points, loss_unit)


def _with_sets(error: FitError, planned: Sequence[Finding]) -> FitError:
    """Name a mixture of sets where it may be why no law fits; one beyond doubt is to be mended first."""
    sets = next((finding for finding in planned if finding.code in OF_SETS), None)
    if sets is None:
        return error
    fix = sets.action if sets.severity == "error" else f"{error.fix}; or {sets.action}"
    return FitError(f"{error.problem} {sets.message}", fix=fix, code=error.code)
