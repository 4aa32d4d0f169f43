"""A loss surface L(N, D) fitted to runs, budgets or not: no starting values, calibrated intervals."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.bootstrap import N_DRAWS, bootstrap, cells, clusters
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.locality import WINDOWS, Window, choose_window
from flops_fit.fit.misses import read_inflation
from flops_fit.fit.points import Excluded, Points
from flops_fit.fit.profile import profile_width
from flops_fit.fit.robust import RobustFit, refine_robustly
from flops_fit.fit.run_noise import DOUBT, GRAVE_DOUBT, RunNoise, alike
from flops_fit.fit.sandwich import sandwich_width
from flops_fit.fit.seed_noise import read_seed_noise
from flops_fit.fit.starting import start
from flops_fit.fit.structure import IMPLAUSIBLE, structure_p_value
from flops_fit.fit.surface_law import SurfaceLaw as SurfaceLaw  # noqa: PLC0414 - what this file makes
from flops_fit.fit.surface_law import expansion_of
from flops_fit.fit.surface_minima import minima_of, offsets_of


@np.errstate(all="ignore")  # no finite numbers may warn; whether something finite came out is checked
def fit_surface(points: Points, form: SurfaceForm, *, n_draws: int = N_DRAWS) -> SurfaceLaw:
    """Fit a form to the runs that a backtest lets count.

    Raises:
        FitError: no finite parameters came out (`surface-failed`).
    """
    used, surface, fit, noise, window, structure = _fitted(points, form)
    draws = bootstrap(surface, used, fit, n_draws)
    top, cluster, phi = float(used.flops.max()), clusters(used), used.flops_per_unit
    best = form.optimum(surface.theta(fit.work), top, phi).n_params

    def log_n(work: Floats) -> Floats:
        return minima_of(form, surface.theta(work), top, phi, best)[0]

    return SurfaceLaw(
        form=form,
        theta=surface.theta(fit.work),
        draws=surface.theta(draws),
        residual_scale=fit.scale,
        typical_loss=surface.typical,
        expansion=expansion_of(int(cluster.max()) + 1, int(cells(used).max()) + 1),
        inflation=read_inflation(surface, used, fit, cluster),
        run_noise=noise,
        window=window,
        left_out=_left_out(points, used, surface, fit),
        gain_left=fit.left,
        on_bound=tuple(n for n, hit in zip(form.param_names, _bound(surface, fit.work), strict=True) if hit),
        draws_on_bound=float(_bound(surface, draws).any(axis=1).mean()),
        sandwich_width=sandwich_width(surface, fit, cells(used), lambda work: float(log_n(work[None])[0])),
        profile_width=profile_width(surface, surface.response(used.loss), fit, log_n),
        structure_p_value=structure,
        flops_range=(float(used.flops.min()), top),
        flops_per_unit=points.flops_per_unit,
    )


def fit_parameters(points: Points, form: SurfaceForm) -> Floats:
    """Return the parameters of `fit_surface`, without the intervals that take most of its time.

    Raises:
        FitError: no finite parameters came out (`surface-failed`).
    """
    return fit_parameters_and_runs(points, form)[0]


@np.errstate(all="ignore")
def fit_parameters_and_runs(points: Points, form: SurfaceForm) -> tuple[Floats, Points]:
    """Return the parameters of `fit_surface` and the runs that count for them.

    Raises:
        FitError: no finite parameters came out (`surface-failed`).
    """
    fitted = _fitted(points, form)
    return fitted.surface.theta(fitted.fit.work), fitted.used


def laid_over(points: Points, form: SurfaceForm, noise: RunNoise | None = None) -> FormSurface:
    """Lay a form's surface over the runs, which count alike or as `noise` has it."""
    weights = np.ones(1) if noise is None else noise.weights(points.flops)
    best = points.loss <= points.loss.min()
    n_params, n_units = (float(np.exp(np.log(of[best]).mean())) for of in (points.n_params, points.n_units))
    return FormSurface(
        form=form,
        n_params=points.n_params,
        n_units=points.n_units,
        typical=float(np.median(points.loss)),
        root_weights=np.sqrt(weights),
        best=(n_params, n_units),
    )


def runs_used(points: Points, law: SurfaceLaw) -> Points:
    """Return the runs without those that the surface left out."""
    left_out = {run.run_id for run in law.left_out}
    return points.only(np.array([run_id not in left_out for run_id in points.run_ids]))


class _Fitted(NamedTuple):
    """The runs that count and the surface over them."""

    used: Points
    surface: FormSurface
    fit: RobustFit
    noise: RunNoise
    window: Window | None
    structure: float | None
    """`structure_p_value` before doubts about the form let small runs count less."""


def _fitted(points: Points, form: SurfaceForm) -> _Fitted:
    """Fit all runs, weigh them by what is known of them, and leave out those that mislead forecasts."""
    fitted = _weighed(points, form)
    if form.keep_far_runs_because:
        return fitted
    window = choose_window(fitted.surface, points, fitted.fit)
    narrowest = np.inf if window is None or window.width is None else window.width
    for width in (w for w in WINDOWS if w >= narrowest):
        theta = fitted.surface.theta(fitted.fit.work)
        near = np.abs(offsets_of(form, theta[None], points)[0]) <= width
        if near.sum() <= len(theta):  # absurd rows may move the optimum away from every run
            break
        fitted = _weighed(points.only(near), form)
    return fitted._replace(window=window)


def _weighed(points: Points, form: SurfaceForm) -> _Fitted:
    """Fit the runs alike, then by what that fit tells of their noise, small ones counting less for it."""
    surface = laid_over(points, form)
    fit = _robust(surface, points)
    seeds = read_seed_noise(points.flops, surface.response(points.loss), fit.residuals, cells(points))
    if seeds is not None:
        surface = laid_over(points, form, seeds)
        fit = _robust(surface, points)
    structure = structure_p_value(surface, fit)
    wrong = structure is not None and structure < IMPLAUSIBLE
    residuals = fit.residuals / surface.root_weights
    noise = (seeds or alike(fit.scale)).doubted(points.flops, residuals, GRAVE_DOUBT if wrong else DOUBT)
    doubted = laid_over(points, form, noise)
    return _Fitted(points, doubted, _robust(doubted, points), noise, None, structure)


def _robust(surface: FormSurface, points: Points) -> RobustFit:
    try:
        fit = refine_robustly(surface, surface.response(points.loss), start(surface, points.loss))
    except np.linalg.LinAlgError:
        raise _failed(surface.form, points) from None
    if not np.isfinite(surface.theta(fit.work)).all():
        raise _failed(surface.form, points)
    return fit


def _failed(form: SurfaceForm, points: Points) -> FitError:
    return FitError(
        f"The form {form.kind!r} could not be fitted to these {len(points)} runs.",
        fix="choose another form under `fit`, or look at the runs in a plot",
        code="surface-failed",
    )


def _left_out(points: Points, used: Points, surface: FormSurface, fit: RobustFit) -> tuple[Excluded, ...]:
    """Say of each run that does not count how far from the optimum it is."""
    kept, theta = set(used.run_ids), surface.theta(fit.work)
    return tuple(
        Excluded(run_id=run_id, reason=_far(surface.form, theta, points, i))
        for i, run_id in enumerate(points.run_ids)
        if run_id not in kept
    )


def _far(form: SurfaceForm, theta: Floats, points: Points, run: int) -> str:
    ratio = points.n_params[run] / form.optimum(theta, points.flops[run], points.flops_per_unit).n_params
    times = f"{ratio:.3g} times" if ratio > 1 else f"1/{1 / ratio:.3g} of"
    far = f"its N is {times} the best at its compute, too far for the surface to follow"
    return f"{what}: {far}" if (what := points.what(run)) else far


def _bound(surface: FormSurface, work: Floats) -> NDArray[np.bool_]:
    on_bound: NDArray[np.bool_] = (work <= surface.lower()) | (work >= surface.upper())
    return on_bound
