"""From runs to a scaling law, step by step."""

from collections.abc import Sequence

from flops_fit.components import Estimator, FitForm, SurfaceForm
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.competition import fit_rivals
from flops_fit.fit.conventions import Conventions, conventions_of
from flops_fit.fit.determined import check_determined
from flops_fit.fit.diagnostics import findings_of
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Law
from flops_fit.fit.points import Points, points_of
from flops_fit.fit.scaling_law import ScalingLaw
from flops_fit.fit.surface import SurfaceLaw, fit_surface
from flops_fit.fit.valley_law import fit_valley_law, has_valley
from flops_fit.runs import RunRecord


def fit_law(
    records: Sequence[RunRecord],
    form: FitForm | None = None,
    *,
    unit: str = "unit",
    declared: Conventions | None = None,
    planned: Sequence[Finding] = (),
) -> ScalingLaw:
    """Fit a scaling law to runs.

    Args:
        records: The runs; those without a usable loss are left out and listed.
        form: What to fit; None chooses by `fit_best`.
        unit: What one unit of D is, for tables and plots.
        declared: How the runs count N, C and loss; what is left open is read off them where they show it.
        planned: What the plan of these runs knew already; the fit's own finding of a code takes its place.

    Raises:
        FitError: the runs cannot determine an answer; the message says what to train.
    """
    points = points_of(records)
    check_determined(points)
    headline = _headline(points, form)
    second = _second_opinion(points, headline)
    rivals = fit_rivals(points, (headline, second))
    return ScalingLaw(
        unit=unit,
        form={"kind": "auto"} if form is None else form.model_dump(mode="json"),
        points=points,
        headline=headline,
        second=second,
        rivals=rivals,
        findings=findings_of(points, headline, second, planned, rivals),
        conventions=conventions_of(points, declared or Conventions(), unit=unit),
    )


def fit_best(points: Points) -> Law:
    """Fit the valley where the runs form IsoFLOP budgets, else the surface E + A/N^alpha + B/D^beta."""
    return fit_valley_law(points) if has_valley(points) else fit_surface(points, Chinchilla())


def _headline(points: Points, form: FitForm | None) -> Law:
    if isinstance(form, SurfaceForm):
        return fit_surface(points, form)
    if isinstance(form, Estimator):
        law: Law = form.fit(points)
        return law
    return fit_best(points)


def _second_opinion(points: Points, headline: Law) -> Law | None:
    """Fit the other kind of law; its failure is no failure of the headline."""
    try:
        if not isinstance(headline, SurfaceLaw):
            return fit_surface(points, Chinchilla())
        return fit_valley_law(points) if has_valley(points) else None
    except FitError:
        return None
