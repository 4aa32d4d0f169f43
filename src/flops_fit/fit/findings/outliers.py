"""Which runs lie so far off that the fit all but ignored them?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.findings.refits import loss_of, residuals_of
from flops_fit.fit.findings.wording import off_by
from flops_fit.fit.law import Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.surface import SurfaceLaw, runs_used
from flops_fit.fit.valley import WINDOWS
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw
from flops_fit.text_columns import some

_MANY, _TOO_MANY = 0.1, 0.3
"""Shares of the runs that were ignored, for a warning and for an error."""
_IGNORED = 0.1
"""Weight of a run, 1 on the fit, below which it has no say."""
_FEWEST_FOR_A_SIDE, _LOPSIDED = 4, 3


class _Outlier(NamedTuple):
    run_id: str
    what: str
    """Size and compute; empty where the name says enough."""
    miss: float
    """ln loss less what the fit expects."""
    weight: float | None
    """1 counts fully; None where it is only known to be next to nothing."""


def about_outliers(points: Points, law: ValleyLaw | SurfaceLaw) -> Iterator[Finding]:
    """Yield at most one finding: the runs that were ignored, by residuals of the robust fit."""
    if isinstance(law, SurfaceLaw):
        outliers, n_runs, of = _off_surface(points, law), len(points), "runs"
    else:
        outliers, n_runs = _off_curves(points, law), sum(m.n_runs for m in law.minima)
        of = "runs around the minima of budgets"
    if not outliers:
        return
    share = len(outliers) / n_runs
    named = some([_named(outlier) for outlier in outliers])
    above = sum(o.miss > 0 for o in outliers)
    one_sided = len(outliers) >= _FEWEST_FOR_A_SIDE and above > _LOPSIDED * (len(outliers) - above)
    yield Finding(
        code="many-outliers" if share > _MANY else "outliers",
        severity="error" if share > _TOO_MANY else "warning" if share > _MANY else "info",
        message=f"Off the fit and ignored: {len(outliers)} of {n_runs} {of}: {named}."
        + (" Nearly all are too high, as diverged or badly tuned runs are." if one_sided else ""),
        action="look for diverged runs, mixed data sets or a learning rate that does not suit every size",
        value=share,
        threshold=_MANY,
    )


def ignored_runs(points: Points, law: Law) -> frozenset[str]:
    """Return the ids of the runs that have no say in a law: left out before the fit, or ignored by it."""
    lead = law.members[0] if isinstance(law, MixtureLaw) else law
    if isinstance(lead, SurfaceLaw):
        used = runs_used(points, lead)
        outliers = {outlier.run_id for outlier in _off_surface(used, lead)}
        return frozenset(outliers | {run.run_id for run in lead.left_out})
    return (
        frozenset(o.run_id for o in _off_curves(points, lead)) if isinstance(lead, ValleyLaw) else frozenset()
    )


def _named(outlier: _Outlier) -> str:
    weight = None if outlier.weight is None else f"weight {outlier.weight:.2g}"
    said = ", ".join(part for part in (outlier.what, off_by(outlier.miss), weight) if part)
    return f"{outlier.run_id} ({said})"


def _off_surface(points: Points, law: SurfaceLaw) -> list[_Outlier]:
    weights = loss_of(points, law).weight(residuals_of(points, law))
    misses = np.log(points.loss / law.form.predict(law.theta, points.n_params, points.n_units))
    found = [
        _Outlier(points.run_ids[i], points.what(int(i)), float(misses[i]), float(weights[i]))
        for i in np.flatnonzero(weights < _IGNORED)
    ]
    return sorted(found, key=lambda outlier: -abs(outlier.miss))


def _off_curves(points: Points, law: ValleyLaw) -> list[_Outlier]:
    """Name the runs that lie furthest from their budget's curve, as many as its fit ignored."""
    found = [
        outlier
        for minimum in law.minima
        if minimum.n_outliers
        for outlier in _off_curve(points, law, minimum)
    ]
    return sorted(found, key=lambda outlier: -abs(outlier.miss))


def _off_curve(points: Points, law: ValleyLaw, minimum: BudgetMinimum) -> list[_Outlier]:
    log_flops = np.log(minimum.flops)
    away = np.log(points.n_params / minimum.n_params)
    near = np.flatnonzero(np.isclose(points.budget, minimum.flops, rtol=0.3) & (np.abs(away) <= WINDOWS[-1]))
    at_best = law.valley.minimum(log_flops).log_n.mean
    rise = law.valley.log_loss(at_best + away[near], log_flops) - law.valley.log_loss(
        np.array([at_best]), log_flops
    )
    misses = np.log(points.loss[near] / minimum.loss) - rise
    worst = np.argsort(-np.abs(misses), kind="stable")[: minimum.n_outliers]
    return [
        _Outlier(points.run_ids[near[i]], points.what(int(near[i])), float(misses[i]), None) for i in worst
    ]
