"""Fit runs that exist: what their losses are is declared or looked for first."""

from collections.abc import Sequence

from flops_fit.components import FitForm
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.conventions import Conventions, conventions_of
from flops_fit.fit.curves.curve import Curve
from flops_fit.fit.error_rates import about_error_rates, are_error_rates, form_for_error_rates
from flops_fit.fit.pipeline import fit_law
from flops_fit.fit.points import points_of
from flops_fit.fit.scaling_law import ScalingLaw
from flops_fit.runs import RunRecord


def fit_imported(
    records: Sequence[RunRecord],
    form: FitForm | None,
    *,
    unit: str,
    declared: Conventions,
    planned: Sequence[Finding] = (),
) -> ScalingLaw:
    """Fit runs as `fit_law` does, and error rates by a form that suits them.

    Raises:
        FitError: as `fit_law`, or the runs contradict what is declared (`convention-contradicted`).
    """
    points = points_of(records)
    loss_unit = conventions_of(points, declared, unit=unit).loss_unit
    if not isinstance(form, Curve) and are_error_rates(points, loss_unit):
        form = form_for_error_rates(points, form)
        planned = (*planned, *about_error_rates(points, form, loss_unit))
    try:
        return fit_law(records, form, unit=unit, declared=declared, planned=planned)
    except FitError as error:
        raise _with_sets(error, planned) from None


def _with_sets(error: FitError, planned: Sequence[Finding]) -> FitError:
    """Name a mixture of sets where it may be why no law fits."""
    sets = next((finding for finding in planned if finding.code == "several-sets"), None)
    if sets is None:
        return error
    return FitError(f"{error.problem} {sets.message}", fix=f"{error.fix}; or {sets.action}", code=error.code)
