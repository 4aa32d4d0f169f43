"""Hindsight: what the lower runs of a table would have said of its upper ones, intervals included.

`rolling` judges methods by the size of their misses; here the law that was chosen is fitted again to fewer
runs, so that its readers can see how it does ahead.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flops_fit.components import Estimator, SurfaceForm
from flops_fit.errors import FlopsFitError
from flops_fit.fit.curve_law import CurveLaw, fit_curve
from flops_fit.fit.law import Estimate, Law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import Points
from flops_fit.fit.scaling_law import ScalingLaw
from flops_fit.fit.surface import SurfaceLaw, fit_surface
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw, fit_valley_law
from flops_fit.plugins import registry

_FEWEST_BUDGETS, _MOST_ORIGINS = 3, 3
_SHARES_SEEN = (0.5, 0.65, 0.8)
"""Of the runs in order of compute, where they form no budgets."""
_FEWEST_RUNS = 10
_N_DRAWS = 250
"""Enough for a percentile of 2.5%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One answer from below, and what was found there."""

    at: float
    """FLOPs; of a curve over data, units of D."""
    loss: Estimate
    found_loss: float
    n_params: Estimate | None = None
    """N*; None where a loss was asked for only."""
    found_n_params: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """What one part of the runs says of the rest."""

    seen: float
    """The most compute (or data) that was shown."""
    forecasts: tuple[Forecast, ...]


@lru_cache(maxsize=2)
def hindsight_of(law: ScalingLaw) -> tuple[Hindsight, ...]:
    """Fit a law's kind again to lower runs, and ask for the minima, or else the losses, above them.

    At most three times; empty where there are too few runs to set any aside. Which runs count for a surface,
    and by how much the surfaces of an average do, stays as all runs have it. The last answers are remembered.
    """
    with np.errstate(all="ignore"):
        return tuple(_looks(law))


def _looks(law: ScalingLaw) -> Iterator[Hindsight]:
    for shown, seen, ask in _origins(law):
        try:
            fitted = _fitted_again(law, law.points.only(shown))
            forecasts = tuple(ask(fitted))
        except (FlopsFitError, np.linalg.LinAlgError, ValueError):  # too little is left below that origin
            continue
        yield Hindsight(seen=seen, forecasts=forecasts)


_Ask = Callable[[Law], Iterator[Forecast]]
_Origin = tuple[NDArray[np.bool_], float, _Ask]


def _origins(law: ScalingLaw) -> Iterator[_Origin]:
    if isinstance(law.headline, CurveLaw):
        yield from _origins_of_curve(law.points, law.headline)
    elif law.minima:
        yield from _origins_of_budgets(law.points, law.minima)
    else:
        yield from _origins_of_runs(law)


def _origins_of_budgets(points: Points, minima: Sequence[BudgetMinimum]) -> Iterator[_Origin]:
    for n in range(max(_FEWEST_BUDGETS, len(minima) - _MOST_ORIGINS), len(minima)):
        seen = minima[n - 1].flops
        shown = points.flops < np.sqrt(seen * minima[n].flops)
        yield shown, seen, _about_minima(minima[n:])


def _about_minima(ahead: Sequence[BudgetMinimum]) -> _Ask:
    def ask(law: Law) -> Iterator[Forecast]:
        for minimum in ahead:
            optimum = law.optimum(minimum.flops)
            yield Forecast(
                at=minimum.flops,
                loss=optimum.loss,
                found_loss=minimum.loss,
                n_params=optimum.n_params,
                found_n_params=minimum.n_params,
            )

    return ask


def _origins_of_runs(law: ScalingLaw) -> Iterator[_Origin]:
    points, headline = law.points, law.headline
    lead = headline.members[0] if isinstance(headline, MixtureLaw) else headline
    left_out = {run.run_id for run in lead.left_out} if isinstance(lead, SurfaceLaw) else set()
    counts = np.array([run_id not in left_out for run_id in points.run_ids])
    for cut in np.unique(np.quantile(points.flops[counts], _SHARES_SEEN, method="lower")):
        below = counts & (points.flops <= cut)
        if below.sum() >= _FEWEST_RUNS and below.sum() < counts.sum():
            yield below, float(cut), _about_runs(points.only(counts & ~below))


def _about_runs(ahead: Points) -> _Ask:
    def ask(law: Law) -> Iterator[Forecast]:
        for n_params, n_units, flops, loss in zip(
            ahead.n_params, ahead.n_units, ahead.flops, ahead.loss, strict=True
        ):
            yield Forecast(
                at=float(flops), loss=law.loss_at(float(n_params), float(n_units)), found_loss=float(loss)
            )

    return ask


def _origins_of_curve(points: Points, curve: CurveLaw) -> Iterator[_Origin]:
    x = points.n_units if curve.over == "data" else points.flops
    distinct = np.unique(curve.x)
    for cut in distinct[-1 - _MOST_ORIGINS : -1]:
        yield x <= cut * 1.001, float(cut), _about_curve(curve, float(cut))


def _about_curve(whole: CurveLaw, cut: float) -> _Ask:
    ahead = whole.x > cut * 1.001

    def ask(law: Law) -> Iterator[Forecast]:
        if isinstance(law, CurveLaw):
            for x, loss in zip(whole.x[ahead], whole.loss[ahead], strict=True):
                yield Forecast(at=float(x), loss=law.loss_over(float(x)), found_loss=float(loss))

    return ask


def _fitted_again(law: ScalingLaw, points: Points) -> Law:
    headline = law.headline
    if isinstance(headline, ValleyLaw):
        return fit_valley_law(points)
    if isinstance(headline, MixtureLaw):
        return replace(headline, members=tuple(_surface(points, member.form) for member in headline.members))
    if isinstance(headline, SurfaceLaw):
        return _surface(points, headline.form)
    if isinstance(headline, CurveLaw):
        return fit_curve(points, headline.form)
    form = registry().find("fit", str(law.form["kind"])).model_validate(law.form)
    if not isinstance(form, Estimator):
        raise TypeError(f"{form.kind!r} fitted {headline.name!r} but is no estimator")
    again: Law = form.fit(points)
    return again


def _surface(points: Points, form: SurfaceForm) -> SurfaceLaw:
    # Far runs are left out already; to choose them anew from every origin takes seconds.
    kept = form.model_copy(update={"keep_far_runs_because": "those too far are left out already"})
    return fit_surface(points, kept, n_draws=_N_DRAWS)
