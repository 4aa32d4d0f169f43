"""A fitted loss surface as a law: answers with intervals that resampling gives and a backtest widens."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PlainSerializer, PlainValidator
from scipy.special import stdtrit

from flops_fit.components import SurfaceForm
from flops_fit.fit.arrays import Floats
from flops_fit.fit.bootstrap import LEVEL, central
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.form_surface import predict_each
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.law import Estimate, Optimum
from flops_fit.fit.locality import Window
from flops_fit.fit.misses import Inflation
from flops_fit.fit.points import Excluded
from flops_fit.fit.run_noise import RunNoise
from flops_fit.fit.surface_minima import minima_of
from flops_fit.plugins import registry
from flops_fit.quantities import Interval

_NORMAL = 1.959964
_LARGEST_LOG = 700.0
"""Of what a float can hold; ends beyond it know nothing anyway."""


def _form_from_json(stored: Any) -> SurfaceForm:
    if stored.get("kind") == "chinchilla":
        return Chinchilla.model_validate(stored)
    form = registry().find("fit", str(stored["kind"])).model_validate(stored) if "kind" in stored else None
    if not isinstance(form, SurfaceForm):
        raise ValueError(f"{stored!r} is no loss surface")  # noqa: TRY004 - pydantic collects ValueError
    return form


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceLaw:
    """The law of `fit_surface`.

    Intervals are those of resampled runs, as much wider as few trunks need (`expansion`)
    and as forecasts of the table's own upper runs turned out to need (`inflation`). Intervals of a loss are
    for what a run will show, noise included; all others for the truth.
    """

    form: Annotated[
        SurfaceForm, PlainValidator(_form_from_json), PlainSerializer(lambda form: form.model_dump())
    ]
    theta: Floats
    """Fitted parameters, ordered as the form's `param_names`."""
    draws: Floats
    """Parameters fitted to resampled runs, shape (n_draws, n_theta)."""
    residual_scale: float
    """Robust standard deviation of the response (ln loss, or loss over `typical_loss`) around the surface."""
    typical_loss: float
    expansion: float
    inflation: Inflation
    run_noise: RunNoise
    """How far runs scatter at each compute, by which they were weighed."""
    window: Window | None
    """Which runs count; None where they were too few to tell, or where all were asked for."""
    left_out: tuple[Excluded, ...]
    """Runs outside the window."""
    gain_left: float
    """Share by which one more step promises to lower the objective; about 0 at a minimum."""
    on_bound: tuple[str, ...]
    """Parameters that ended on a bound."""
    draws_on_bound: float
    """Share of the draws in which a parameter did."""
    sandwich_width: float | None
    """Width of the 95% interval of ln N* at the largest run by the HC3 sandwich; None where it has none."""
    profile_width: float | None
    """The same by profiling the objective; None where one of its ends was not found."""
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
        """Slope of ln N* over ln C between the smallest and the largest run, over one e-fold at least."""
        low, top = self.flops_range
        return self._exponent(min(low, top / np.e), top)

    @property
    def parameters(self) -> tuple[tuple[str, Estimate], ...]:
        """Return each parameter by name, with the interval that resampled runs and the backtest give it."""
        columns = zip(self.form.param_names, self.theta.tolist(), self.draws.T, strict=True)
        return tuple((name, self._parameter(value, draws)) for name, value, draws in columns)

    @property
    def resampled_width(self) -> float:
        """Width of the 95% interval of ln N* at the largest run by resampling, before any inflation."""
        top = self.flops_range[1]
        low, high = central(self._minima(top)[1])
        return (high - low) * self.expansion

    @np.errstate(all="ignore")
    def optimum(self, flops: float) -> Optimum:
        """Return the surface's minimum at `flops`."""
        n_params, log_n_draws, loss_draws = self._minima(flops)
        n_units = flops / self.flops_per_unit(n_params)
        loss = self.form.predict(self.theta, np.array([n_params]), np.array([n_units]))[0]
        return Optimum(
            n_params=_exponential(self._sized(np.log(n_params), log_n_draws)),
            loss=self._run_loss(float(loss), loss_draws, flops),
        )

    @np.errstate(all="ignore")
    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the surface at any N and D."""
        n, d = np.array([n_params]), np.array([n_units])
        draws = predict_each(self.form, self.draws, n, d)[:, 0]
        flops = n_units * self.flops_per_unit(n_params)
        return self._run_loss(float(self.form.predict(self.theta, n, d)[0]), draws, flops)

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:
        """Return the loss of each size when `flops` are spent on it."""
        return self.form.predict(self.theta, n_params, flops / self.flops_per_unit.at(n_params))

    @np.errstate(all="ignore")
    def median_log_loss(self, n_params: Floats, n_units: Floats) -> Floats:
        """Return the median ln loss of the fits to resampled runs at each N and D, shape (n,)."""
        losses = predict_each(self.form, self.draws, n_params, n_units)
        median: Floats = np.median(np.log(np.maximum(losses, 1e-300)), axis=0)
        return median

    def noise(self, loss: float, flops: float) -> float:
        """Return the standard deviation of the ln loss of a run around the surface."""
        weight = float(self.run_noise.weights(np.array([flops]))[0])
        relative = 1.0 if self.form.space == "log" else self.typical_loss / loss
        return self.residual_scale * relative / float(np.sqrt(weight))

    @np.errstate(all="ignore")
    def _exponent(self, low: float, high: float) -> Estimate:
        (below, log_below, _), (above, log_above, _) = self._minima(low), self._minima(high)
        span = float(np.log(high / low))
        return self._sized(float(np.log(above / below)) / span, (log_above - log_below) / span)

    def _minima(self, flops: float) -> tuple[float, Floats, Floats]:
        """Return N* by the form's own optimum, and ln N* and loss of every draw."""
        best = self.form.optimum(self.theta, flops, self.flops_per_unit).n_params
        return (best, *minima_of(self.form, self.draws, flops, self.flops_per_unit, best))

    def _sized(self, value: float, draws: Floats) -> Estimate:
        stretch = self.expansion * self.inflation.size
        below, above = _deviations(value, draws)
        return Estimate(
            value=float(value), interval=Interval(value - stretch * below, value + stretch * above, LEVEL)
        )

    def _parameter(self, value: float, draws: Floats) -> Estimate:
        """Widen the interval of a positive parameter on a log scale, where it cannot reach 0."""
        if min(value, float(draws.min())) > 0:
            return _exponential(self._sized(float(np.log(value)), np.log(draws)))
        return self._sized(value, draws)

    def _run_loss(self, loss: float, draws: Floats, flops: float) -> Estimate:
        """Combine what is unknown of the surface with the noise of a run.

        What no run can show is cut off, which lets no interval miss one that it held. Intervals on the
        scale of ln(L/(largest - L)) would end there by themselves, but the noise and the misses that widen
        them are those of ln L.
        """
        stretch, noise = self.expansion * self.inflation.loss, _NORMAL * self.noise(loss, flops)
        below, above = _deviations(np.log(loss), np.log(np.maximum(draws, 1e-300)))
        low, high = (float(stretch * np.hypot(side, noise)) for side in (below, above))
        top = min(float(loss * np.exp(high)), max(self.form.largest_loss, loss))
        return Estimate(value=loss, interval=Interval(loss * np.exp(-low), top, LEVEL))


def expansion_of(n_clusters: int, n_cells: int) -> float:
    """Return how much wider than percentiles an interval from resampled clusters must be.

    Few clusters of several (N, D) cells each, such as trunks, scatter as t does. Cells drawn alone need
    nothing: that residuals are smaller than errors is made up for by resampling the design, the more so the
    fewer there are (measured by `tests/benchmarks/coverage.py`).

    Source: Cameron, Gelbach and Miller 2008, doi:10.1162/rest.90.3.414 (t with clusters - 1).
    """
    if n_clusters >= n_cells:
        return 1.0
    return float(stdtrit(max(n_clusters - 1, 1), (1 + LEVEL) / 2)) / _NORMAL


def _deviations(value: float, draws: Floats) -> tuple[float, float]:
    """Return how far the central interval of the draws reaches below and above the value, at least to it."""
    low, high = central(draws)
    return max(float(value) - low, 0.0), max(high - float(value), 0.0)


def _exponential(log: Estimate) -> Estimate:
    low, high = np.exp(np.clip([log.interval.low, log.interval.high], -_LARGEST_LOG, _LARGEST_LOG))
    return Estimate(value=float(np.exp(log.value)), interval=Interval(float(low), float(high), LEVEL))
