"""From runs to a scaling law, step by step."""

from collections.abc import Sequence
from typing import NamedTuple

from flops_fit.components import Estimator, FitForm, SurfaceForm
from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit.choice import chosen_law
from flops_fit.fit.competition import Rival, rivals_of
from flops_fit.fit.contest import Contest, hold_contest
from flops_fit.fit.conventions import Conventions, conventions_of
from flops_fit.fit.curve_findings import findings_of_curve
from flops_fit.fit.curve_law import CurveLaw, fit_curve, runs_of_curve
from flops_fit.fit.determined import check_determined, check_minima
from flops_fit.fit.findings import findings_of
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points, points_of
from flops_fit.fit.power_laws import PowerLaws, fit_power_laws
from flops_fit.fit.scaling_law import ScalingLaw
from flops_fit.fit.surface import SurfaceLaw, fit_surface
from flops_fit.fit.valley_law import fit_valley_law, has_valley
from flops_fit.runs import RunRecord

_AUTO = "auto"
"""The form that chooses; it is not asked to fit, because the contest that it chooses by is held already."""
_BY_MINIMA = {_AUTO, "valley"}
"""Forms that read the best size off the minima of budgets."""


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
    found = _fitted(points, form)
    conventions = conventions_of(points, declared or Conventions(), unit=unit)
    return ScalingLaw(
        unit=unit,
        form={"kind": _AUTO} if form is None else form.model_dump(mode="json"),
        points=points,
        headline=found.headline,
        second=found.second,
        rivals=found.rivals,
        power_laws=found.power_laws,
        findings=_findings(points, found, planned, records, conventions.loss_unit),
        conventions=conventions,
    )


def check_fit(points: Points, form: FitForm | None) -> None:
    """Refuse runs that leave the law of `form` open, before anything is fitted.

    Raises:
        FitError: as `runs_of_curve`, `check_determined` or `check_minima`.
    """
    if isinstance(form, SurfaceForm) and not form.of_size:
        runs_of_curve(points, form)
        return
    check_determined(points)
    if form is None or form.kind in _BY_MINIMA:
        check_minima(points)


def fit_best(points: Points) -> Law:
    """Fit the law that `chosen_law` chooses: the valley where the runs form budgets, else surfaces."""
    return chosen_law(points, hold_contest(points))


class _Fitted(NamedTuple):
    """The parts of a `ScalingLaw` that rest on the losses alone."""

    headline: Law
    second: Law | None = None
    rivals: tuple[Rival, ...] = ()
    power_laws: PowerLaws | None = None


def _fitted(points: Points, form: FitForm | None) -> _Fitted:
    check_fit(points, form)
    if isinstance(form, SurfaceForm) and not form.of_size:
        return _Fitted(fit_curve(points, form))
    contest = hold_contest(points, form if isinstance(form, SurfaceForm) else None)
    headline = _headline(points, form, contest)
    second = _second_opinion(points, headline)
    return _Fitted(
        headline, second, rivals_of(contest, (headline, second), points.n_params), fit_power_laws(points)
    )


def _findings(
    points: Points, found: _Fitted, planned: Sequence[Finding], records: Sequence[RunRecord], loss_unit: str
) -> tuple[Finding, ...]:
    headline, second, rivals, _ = found
    if isinstance(headline, CurveLaw):
        return findings_of_curve(points, headline, planned=planned, records=records)
    return findings_of(
        points, headline, second, planned=planned, rivals=rivals, records=records, loss_unit=loss_unit
    )


def _headline(points: Points, form: FitForm | None, contest: Contest) -> Law:
    if form is None or form.kind == _AUTO:
        return chosen_law(points, contest)
    if isinstance(form, SurfaceForm):
        return fit_surface(points, form)
    if isinstance(form, Estimator):
        law: Law = form.fit(points)
        return law
    raise TypeError(f"{type(form).__name__} is neither a SurfaceForm nor an Estimator")


def _second_opinion(points: Points, headline: Law) -> Law | None:
    """Fit the other kind of law; its failure is no failure of the headline."""
    try:
        if not isinstance(headline, SurfaceLaw | MixtureLaw):
            return fit_surface(points, Chinchilla())
        return fit_valley_law(points) if has_valley(points) else None
    except FitError:
        return None
