"""A loss surface L(N, D) fitted to all runs, budgets or not, with a bootstrap over the (N, D) cells."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError
from flops_fit.fit.arrays import Floats
from flops_fit.fit.bootstrap import N_DRAWS, bootstrap, cells
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.form_surface import FormSurface, predict_each
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Estimate, Optimum
from flops_fit.fit.points import Points
from flops_fit.fit.robust import RobustFit, refine_robustly
from flops_fit.fit.sandwich import sandwich_width
from flops_fit.fit.starting import start
from flops_fit.fit.structure import structure_p_value
from flops_fit.plugins import registry
from flops_fit.quantities import Interval

_REACH = np.linspace(-4, 4, 161)
"""e-folds of N around the optimum over which those of the draws are sought."""


def _form_from_json(stored: Any) -> SurfaceForm:
    if stored.get("kind") == "chinchilla":
        return Chinchilla.model_validate(stored)
    form = registry().find("fit", str(stored["kind"])).model_validate(stored) if "kind" in stored else None
    if not isinstance(form, SurfaceForm):
        raise ValueError(f"{stored!r} is no loss surface")  # noqa: TRY004 - pydantic collects ValueError
    return form


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceLaw:
    """The law of `fit_surface`. Intervals hold if the form is right; they know nothing of its misfit."""

    form: Annotated[
        SurfaceForm, PlainValidator(_form_from_json), PlainSerializer(lambda form: form.model_dump())
    ]
    theta: Floats
    """Fitted parameters, ordered as the form's `param_names`."""
    draws: Floats
    """Parameters fitted to resampled runs, shape (n_draws, n_theta)."""
    residual_scale: float
    """Robust standard deviation of ln loss around the surface."""
    gain_left: float
    """Share by which one more step promises to lower the objective; about 0 at a minimum."""
    on_bound: tuple[str, ...]
    """Parameters that ended on a bound."""
    draws_on_bound: float
    """Share of the draws in which a parameter did."""
    sandwich_width: float | None
    """Width of the 95% interval of ln N* at the largest run by the HC3 sandwich; None where it has none."""
    structure_p_value: float | None
    """How likely residuals are to bend so much with N and D if the form is right; None where untested."""
    flops_range: tuple[float, float]
    """Least and largest compute of a run."""
    flops_per_unit: FlopsPerUnit
    kind: Literal["surface"] = "surface"

    @property
    def name(self) -> str:
        """The form's kind."""
        return self.form.kind

    @property
    def exponent_at_top(self) -> Estimate:
        """Slope d ln N* / d ln C over one e-fold of compute around the largest run."""
        top = self.flops_range[1]
        return self._exponent(top * np.exp(-0.5), top * np.exp(0.5))

    @property
    def exponent_whole_range(self) -> Estimate:
        """Slope of ln N* over ln C between the smallest and the largest run."""
        return self._exponent(*self.flops_range)

    def optimum(self, flops: float) -> Optimum:
        """Return the surface's minimum at `flops`, with percentile intervals over the draws."""
        minima = self._minima(flops)
        return Optimum(
            n_params=_percentiles(minima.n_params, np.exp(minima.log_n_draws)),
            loss=_percentiles(minima.loss, minima.loss_draws),
        )

    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the surface at any N and D."""
        n, d = np.array([n_params]), np.array([n_units])
        draws = predict_each(self.form, self.draws, n, d)[:, 0]
        return _percentiles(float(self.form.predict(self.theta, n, d)[0]), draws)

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:
        """Return the loss of each size when `flops` are spent on it."""
        return self.form.predict(self.theta, n_params, flops / self.flops_per_unit.at(n_params))

    def _exponent(self, low: float, high: float) -> Estimate:
        below, above, span = self._minima(low), self._minima(high), float(np.log(high / low))
        exponent = float(np.log(above.n_params / below.n_params)) / span
        return _percentiles(exponent, (above.log_n_draws - below.log_n_draws) / span)

    def _minima(self, flops: float) -> "_Minima":
        """Find the minimum by the form's own optimum, and those of the draws on a grid around it."""
        best = self.form.optimum(self.theta, flops, self.flops_per_unit)
        loss = self.form.predict(self.theta, np.array([best.n_params]), np.array([best.n_units]))
        n_params = best.n_params * np.exp(_REACH)
        n_units = flops / self.flops_per_unit.at(n_params)
        with np.errstate(over="ignore"):  # far from the optimum a draw may be infinite
            curves = predict_each(self.form, self.draws, n_params, n_units)
        curves = np.minimum(curves, 1e100)
        offset, lowest = _lowest(curves)
        return _Minima(best.n_params, float(loss[0]), np.log(best.n_params) + offset, lowest)


class _Minima(NamedTuple):
    """The minimum of one IsoFLOP curve on the fitted surface and on every draw's."""

    n_params: float
    loss: float
    log_n_draws: Floats
    loss_draws: Floats


def _lowest(curves: Floats) -> tuple[Floats, Floats]:
    """Return where on `_REACH` each curve is least and how low, by parabolas through the lowest points."""
    i = np.clip(curves.argmin(axis=1), 1, curves.shape[1] - 2)
    rows, step = np.arange(len(curves)), _REACH[1] - _REACH[0]
    left, middle, right = curves[rows, i - 1], curves[rows, i], curves[rows, i + 1]
    bend = np.maximum(left - 2 * middle + right, 1e-300)
    shift = np.clip((left - right) / (2 * bend), -1.0, 1.0)
    return _REACH[i] + shift * step, middle - (left - right) * shift / 4


def _percentiles(value: float, draws: Floats, level: float = 0.95) -> Estimate:
    """Return the central interval of the draws, stretched to hold the value itself."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=value, interval=Interval(min(float(low), value), max(float(high), value), level))


def fit_surface(points: Points, form: SurfaceForm, *, n_draws: int = N_DRAWS) -> SurfaceLaw:
    """Fit a form to every point, without starting values from anybody.

    Raises:
        FitError: no finite parameters came out (`surface-failed`).
    """
    surface, fit = _fitted(points, form)
    draws = bootstrap(surface, points, fit, n_draws)
    top = float(points.flops.max())

    def log_n(work: Floats) -> float:
        best = form.optimum(surface.theta(work), top, points.flops_per_unit)
        return float(np.log(best.n_params))

    return SurfaceLaw(
        form=form,
        theta=surface.theta(fit.work),
        draws=surface.theta(draws),
        residual_scale=fit.scale,
        gain_left=fit.left,
        on_bound=tuple(n for n, hit in zip(form.param_names, _bound(surface, fit.work), strict=True) if hit),
        draws_on_bound=float(_bound(surface, draws).any(axis=1).mean()),
        sandwich_width=sandwich_width(surface, fit, cells(points), log_n),
        structure_p_value=structure_p_value(surface, fit),
        flops_range=(float(points.flops.min()), top),
        flops_per_unit=points.flops_per_unit,
    )


def fit_parameters(points: Points, form: SurfaceForm) -> Floats:
    """Return the parameters of `fit_surface`, without the intervals that take most of its time.

    Raises:
        FitError: no finite parameters came out (`surface-failed`).
    """
    surface, fit = _fitted(points, form)
    return surface.theta(fit.work)


def _fitted(points: Points, form: SurfaceForm) -> tuple[FormSurface, RobustFit]:
    surface = laid_over(points, form)
    fit = refine_robustly(surface, surface.response(points.loss), start(surface, points.loss))
    if not np.isfinite(surface.theta(fit.work)).all():
        raise FitError(
            f"The form {form.kind!r} could not be fitted to these {len(points)} runs.",
            fix="choose another form under `fit`, or look at the runs in a plot",
            code="surface-failed",
        )
    return surface, fit


def _bound(surface: FormSurface, work: Floats) -> NDArray[np.bool_]:
    on_bound: NDArray[np.bool_] = (work <= surface.lower()) | (work >= surface.upper())
    return on_bound


def laid_over(points: Points, form: SurfaceForm) -> FormSurface:
    """Lay a form's surface over the runs."""
    return FormSurface(
        form=form,
        n_params=points.n_params,
        n_units=points.n_units,
        typical=float(np.median(points.loss)),
    )
