"""A curve as a law: the loss at any x, and the x that reaches a loss. It knows of no size to choose."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PlainSerializer, PlainValidator
from scipy.special import stdtrit

from flops_fit.components import SurfaceForm
from flops_fit.errors import FitError, argument, text_argument
from flops_fit.fit.arrays import Floats
from flops_fit.fit.bootstrap import LEVEL, N_DRAWS, bootstrap, central
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.curves.curve import Curve, no_size_to_choose
from flops_fit.fit.form_surface import predict_each
from flops_fit.fit.interpolated import interpolated_minima
from flops_fit.fit.law import Estimate, Optimum
from flops_fit.fit.points import Points
from flops_fit.fit.robust import refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import laid_over
from flops_fit.plugins import registry
from flops_fit.quantities import Interval

_TO_SPARE = 2
"""Different x that there must be beyond the number of parameters."""
_SAME_SIZE = 0.01
"""Difference of ln N up to which runs are of one size."""
_FURTHEST = 1e6
"""Times the largest x up to which the x of a loss is sought."""


def _form_from_json(stored: Any) -> SurfaceForm:
    form = registry().find("fit", str(stored["kind"])).model_validate(stored)
    if not isinstance(form, SurfaceForm):
        raise ValueError(f"{stored!r} is no curve")  # noqa: TRY004 - pydantic collects ValueError
    return form


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveLaw:
    """The law of `fit_curve`. Intervals are for what a run will show, if the form is right."""

    form: Annotated[
        SurfaceForm, PlainValidator(_form_from_json), PlainSerializer(lambda form: form.model_dump())
    ]
    over: Literal["data", "compute"]
    """What x is."""
    theta: Floats
    """Fitted parameters, ordered as the form's `param_names`."""
    draws: Floats
    """Parameters fitted to resampled runs, shape (n_draws, n_theta)."""
    x: Floats
    """Of the runs fitted, shape (n_runs,), as are the losses."""
    loss: Floats
    residual_scale: float
    """Robust standard deviation of ln loss around the curve."""
    on_bound: tuple[str, ...]
    """Parameters that ended on a bound."""
    gain_left: float
    """Share by which one more step promises to lower the objective; about 0 at a minimum."""
    n_params: float
    """The one size of the runs; NaN for a curve over compute."""
    flops_range: tuple[float, float]
    """Least and largest compute of a run."""
    flops_per_unit: FlopsPerUnit
    kind: Literal["curve"] = "curve"

    @property
    def name(self) -> str:
        """The form's kind."""
        return self.form.kind

    @property
    def exponent_at_top(self) -> Estimate:
        """Refuse: N* is not asked about."""
        raise no_size_to_choose(self.name)

    @property
    def exponent_whole_range(self) -> Estimate:
        """Refuse: N* is not asked about."""
        raise no_size_to_choose(self.name)

    def loss_over(self, x: float) -> Estimate:
        """Return the loss at one x: data units, or FLOPs for a curve over compute."""
        at = np.array([x])
        value = float(self.form.predict(self.theta, at, at)[0])
        draws = np.log(np.maximum(predict_each(self.form, self.draws, at, at)[:, 0], 1e-300))
        low, high = (end - float(np.log(value)) for end in central(draws))
        spare = max(len(self.x) - len(self.theta), 1)
        stretch, noise = (len(self.x) / spare) ** 0.5, float(stdtrit(spare, 0.5 + LEVEL / 2))
        below = np.hypot(min(low, 0.0) * stretch, noise * self.residual_scale)
        above = np.hypot(max(high, 0.0) * stretch, noise * self.residual_scale)
        return Estimate(
            value=value,
            interval=Interval(float(value * np.exp(-below)), float(value * np.exp(above)), LEVEL),
        )

    def x_for(self, loss: float) -> Estimate:
        """Return the x at which the curve reaches a loss; an end of the interval may be infinite.

        Raises:
            FitError: the curve never reaches it within a million times the largest x (`loss-out-of-reach`).
        """
        x = np.geomspace(self.x.min() / _FURTHEST, self.x.max() * _FURTHEST, 4001)
        value = _first_below(x, self.form.predict(self.theta, x, x), loss)
        if not np.isfinite(value):
            lowest = float(self.form.predict(self.theta, x[-1:], x[-1:])[0])
            raise FitError(
                f"The curve {self.name!r} does not come down to a loss of {loss:.4g}: at a million times the "
                f"largest {self.over} it is still {lowest:.4g}.",
                fix=f"ask for a loss above {lowest:.4g}",
                code="loss-out-of-reach",
            )
        reached = np.array([_first_below(x, row, loss) for row in predict_each(self.form, self.draws, x, x)])
        low, high = np.quantile(reached, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
        return Estimate(
            value=value, interval=Interval(min(float(low), value), max(float(high), value), LEVEL)
        )

    def optimum(self, flops: float) -> Optimum:  # noqa: ARG002 - asked of every law
        """Refuse: there is no size to choose.

        Raises:
            FitError: always (`no-size-to-choose`).
        """
        raise no_size_to_choose(self.name)

    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the loss of the one size on any data.

        Raises:
            FitError: another size was asked about (`another-size`).
        """
        if self.over == "compute" or abs(np.log(n_params / self.n_params)) > _SAME_SIZE:
            known = "the best size at each compute" if self.over == "compute" else f"N = {self.n_params:.4g}"
            raise FitError(
                f"The curve {self.name!r} knows the loss of {known} only; asked was N = {n_params:.4g}.",
                fix=f"fit runs of several sizes with {text_argument('form', 'auto')}",
                code="another-size",
            )
        return self.loss_over(n_units)

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:  # noqa: ARG002 - asked of every law
        """Refuse: there is no size to choose.

        Raises:
            FitError: always (`no-size-to-choose`).
        """
        raise no_size_to_choose(self.name)


def fit_curve(points: Points, form: SurfaceForm) -> CurveLaw:
    """Fit a form that does not depend on N: to runs of one size, or to the minima of budgets.

    Raises:
        FitError: the runs are of several sizes (`several-sizes`), or there are too few (`too-few-runs`).
    """
    over, used = _over(form), runs_of_curve(points, form)
    surface = laid_over(used, form)
    fit = refine_robustly(surface, surface.response(used.loss), start(surface, used.loss))
    if not np.isfinite(surface.theta(fit.work)).all():
        raise FitError(
            f"The curve {form.kind!r} could not be fitted to these {len(used)} runs.",
            fix="choose another form under `fit`, or look at the runs in a plot",
            code="surface-failed",
        )
    hit = (fit.work <= surface.lower()) | (fit.work >= surface.upper())
    return CurveLaw(
        form=form,
        over=over,
        theta=surface.theta(fit.work),
        draws=surface.theta(bootstrap(surface, used, fit, N_DRAWS)),
        x=used.n_units,
        loss=used.loss,
        residual_scale=fit.scale,
        on_bound=tuple(name for name, bound in zip(form.param_names, hit, strict=True) if bound),
        gain_left=fit.left,
        n_params=float(np.median(points.n_params)) if over == "data" else float("nan"),
        flops_range=(float(points.flops.min()), float(points.flops.max())),
        flops_per_unit=points.flops_per_unit,
    )


def runs_of_curve(points: Points, form: SurfaceForm) -> Points:
    """Return what the curve is fitted to: the runs, or the minima of their budgets.

    Raises:
        FitError: the runs are of several sizes (`several-sizes`), or there are too few (`too-few-runs`).
    """
    if _over(form) == "data":
        _check_one_size(points, form)
    used = points if _over(form) == "data" else _minima(points)
    _check_enough(used, form)
    return used


def _over(form: SurfaceForm) -> Literal["data", "compute"]:
    return form.over if isinstance(form, Curve) else "data"


def _minima(points: Points) -> Points:
    """Return the interpolated minima as runs whose data are their compute."""
    minima = interpolated_minima(budgets_of(points))
    n = len(minima)
    flops = np.array([m.flops for m in minima])
    return replace(
        points,
        run_ids=tuple(f"minimum at {c:.3g} FLOPs" for c in flops),
        n_params=np.exp([m.log_n for m in minima]),
        n_params_nonembedding=np.full(n, np.nan),
        n_units=flops,
        flops=flops,
        loss=np.exp([m.log_loss for m in minima]),
        budget=flops,
        trunk=np.arange(n),
        seed=np.zeros(n, dtype=np.int64),
    )


def _check_one_size(points: Points, form: SurfaceForm) -> None:
    sizes = np.unique(np.round(np.log(points.n_params) / _SAME_SIZE))
    if len(sizes) > 1:
        raise FitError(
            f"The curve {form.kind!r} is the loss over data at one size; the runs have {len(sizes)} sizes.",
            fix=f"leave out `fit` (or {argument('form')}) for a law of N and D; or fit the losses "
            f"at the minima of IsoFLOP budgets: fit: {{kind: {form.kind}, over: compute}}",
            code="several-sizes",
        )


def _check_enough(points: Points, form: SurfaceForm) -> None:
    n_distinct, needed = len(np.unique(points.n_units)), len(form.param_names) + _TO_SPARE
    if n_distinct < needed:
        what = "budgets that show a minimum" if _over(form) == "compute" else "amounts of data"
        raise FitError(
            f"The curve {form.kind!r} has {len(form.param_names)} parameters and needs {needed} {what}; the "
            f"runs have {n_distinct}.",
            fix="train more of them, or choose a curve of fewer parameters: "
            f"{text_argument('form', 'm1')} or {text_argument('form', 'm2')}",
            code="too-few-runs",
        )


def _first_below(x: Floats, curve: Floats, loss: float) -> float:
    """Return where a curve first comes down to `loss`, by interpolation; infinity where it never does."""
    below = np.flatnonzero(curve <= loss)
    if not len(below):
        return float("inf")
    i = int(below[0])
    if i == 0:
        return float(x[0])
    share = np.log(curve[i - 1] / loss) / np.log(curve[i - 1] / curve[i])
    return float(x[i - 1] * (x[i] / x[i - 1]) ** share)
