"""The contest: every method on the same runs, judged by what it would have said of the upper ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit.counting import robust_scale
from flops_fit.fit.forms import Gadre
from flops_fit.fit.methods import SURFACES, Fitted, Method, method_of_form, methods_of_budgets, unchanged
from flops_fit.fit.points import Points
from flops_fit.fit.rolling import Entrant, Misses, rolling_misses
from flops_fit.fit.valley_law import has_valley

_FEWEST_ORIGINS = 2
_LEAST_MISS = 1e-4
"""Error of ln loss below which one method is as good as another."""
_UNCHANGED = "no change"
_BISQUARE = 4.685
"""Robust standard deviations at which a residual stops to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What came of it, by the method's name."""

    fitted: Mapping[str, Fitted]
    """Fitted to all runs; only those that could be."""
    misses: Mapping[str, Misses]
    unchanged: Misses
    """Of a forecast that losses stay as low as the best one seen: who misses as much foretells nothing."""
    surfaces: Mapping[str, SurfaceForm]
    """Forms of the surfaces that could be fitted."""
    bics: Mapping[str, float]
    """Bayesian information criterion of each surface; differences count, not values."""
    weights: Mapping[str, float]
    """How much each surface deserves to be believed, of 1 in all."""


def hold_contest(points: Points, form: SurfaceForm | None = None) -> Contest:
    """Fit and backtest every method, and `form` where it is not among them."""
    by_budget = has_valley(points)
    entered = _surfaces_for(points, form, by_budget=by_budget)
    methods = {f.kind: method_of_form(f) for f in entered}
    methods |= methods_of_budgets() if by_budget else {}
    fitted = dict(_fitted(points, methods))
    surfaces = {f.kind: f for f in entered if f.kind in fitted}
    # Which runs count is settled once, on all of them; to do so again from every origin takes seconds.
    rolled = {
        name: Entrant(method_of_form(_of_all_runs(surfaces[name])), found.without)
        if name in surfaces
        else Entrant(methods[name])
        for name, found in fitted.items()
    }
    misses = rolling_misses(points, rolled | {_UNCHANGED: Entrant(unchanged)}, by_budget=by_budget)
    no_change = misses.pop(_UNCHANGED)
    bics = _bics({name: fitted[name] for name in surfaces}, surfaces)
    return Contest(
        fitted=fitted,
        misses=misses,
        unchanged=no_change,
        surfaces=surfaces,
        bics=bics,
        weights=_weights(misses, bics),
    )


def _surfaces_for(points: Points, form: SurfaceForm | None, *, by_budget: bool) -> list[SurfaceForm]:
    """Return the surfaces that compete.

    Where there are no budgets, `gadre` takes part too: `chinchilla` with one exponent instead of two. Against
    a form of error rates none does: no sum of power laws follows losses that saturate at 1.
    """
    if form is not None and points.loss.max() <= form.largest_loss <= 1.0:
        return [form]
    entered = [*SURFACES, *(() if by_budget else (Gadre(),))]
    return entered + ([] if form is None or form.kind in {f.kind for f in entered} else [form])


def clearly_better(contest: Contest, challenger: Sequence[str], champion: str, *, times: float) -> bool:
    """Whether one of `challenger` missed `times` less than the champion at every origin, and so for N*."""
    ours = contest.misses.get(champion)
    if ours is None or len(ours.log_loss) <= _FEWEST_ORIGINS:
        return False
    theirs = [contest.misses[name] for name in challenger if name in contest.misses]
    return any(
        bool(np.all(times * m.log_loss <= ours.log_loss)) and not np.any(times * m.log_n > ours.log_n)
        for m in theirs
    )


def _of_all_runs(form: SurfaceForm) -> SurfaceForm:
    return form.model_copy(update={"keep_far_runs_because": "those too far are left out already"})


def _fitted(points: Points, methods: Mapping[str, Method]) -> Iterator[tuple[str, Fitted]]:
    for name, method in methods.items():
        try:
            with np.errstate(all="ignore"):
                yield name, method(points)
        except (FitError, np.linalg.LinAlgError):  # a method that fails takes no part
            continue


def _bics(fitted: Mapping[str, Fitted], surfaces: Mapping[str, SurfaceForm]) -> dict[str, float]:
    """Return n ln(RSS/n) + p ln n, residuals counting no more than at the bisquare's edge.

    The edge is that of the surface which scatters least, so that all are judged by the same runs.

    Source: Schwarz 1978, doi:10.1214/aos/1176344136, with the residuals of an M-estimate bounded.
    """
    left = {name: f.misses for name, f in fitted.items() if f.misses is not None}
    edge = _BISQUARE * max(1e-9, min((robust_scale(m) for m in left.values()), default=0.0))
    return {
        name: len(m) * float(np.log(np.mean(np.clip(m, -edge, edge) ** 2) + 1e-18))
        + len(surfaces[name].param_names) * float(np.log(len(m)))
        for name, m in left.items()
    }


def _weights(misses: Mapping[str, Misses], bics: Mapping[str, float]) -> dict[str, float]:
    """Weigh surfaces by 1/error, its geometric mean over the origins, or by exp(-BIC/2) where those are few.

    1/error is the likelihood of an error whose size is unknown. The origins count as one look, not several,
    because the runs above the last of them are asked for from all. On real tables no form is exactly right,
    and BIC, which believes that one is, gives all its weight to one that may extrapolate badly.
    """
    if not bics:
        return {}
    errors = np.array([misses[name].log_loss for name in bics])
    judged = errors.shape[1] >= _FEWEST_ORIGINS and not np.isnan(errors).any(axis=1).all()
    if judged:
        known = np.where(np.isnan(errors), np.inf, errors)
        log_weights = -np.log(np.maximum(known, _LEAST_MISS)).mean(axis=1)
    else:
        log_weights = -np.array(list(bics.values())) / 2
    weights = np.exp(log_weights - log_weights.max())
    return dict(zip(bics, (weights / weights.sum()).tolist(), strict=True))
