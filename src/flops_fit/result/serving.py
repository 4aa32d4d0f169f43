"""The model that is cheapest over its life: trained once, then served.

What one data unit costs to serve is a third of what it costs to train on: 2·N where training costs 6·N.

Source: Sardana, Portes, Doubov and Frankle 2024, "Beyond Chinchilla-Optimal", arXiv:2401.00448: the least
6·N·D + 2·N·D_inf at a given loss (equations 1 and 2 there); here also the least loss at a given total.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.interpolate import RectBivariateSpline

from flops_fit.errors import FitError
from flops_fit.fit import Estimate, ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.quantities import Interval
from flops_fit.result.inverse import flops_where, least_loss

FORWARD = 1 / 3
"""Share of a training step's FLOPs that its forward pass takes."""
_REACH = 100.0
"""Times below the compute-optimal size down to which sizes are looked at."""
_SPAN = 300.0
"""Times the compute that the compute-optimal model needs, up to which a smaller one may be trained longer."""
_N_SIZES, _N_FLOPS = 1200, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model for life, each number with the interval that N* and L* of the law leave, not its shape."""

    n_params: Estimate
    n_units: Estimate
    training_flops: Estimate
    total_flops: Estimate
    near_optimal_n: Interval
    """Sizes whose loss, at the same total, is within the noise."""


def reconciled(served: Served, other: Served, *, wholly: bool) -> Served:
    """Widen every interval by what another law makes of it: far from the optimum the shape of a law decides.

    Its values count; where no run was so far from the optimum, `wholly`, all that it holds possible.
    """

    def both(mine: Estimate, theirs: Estimate) -> Estimate:
        ends = (theirs.interval.low, theirs.interval.high) if wholly else ()
        return reaching(mine, theirs.value, *ends)

    return replace(
        served,
        n_params=both(served.n_params, other.n_params),
        n_units=both(served.n_units, other.n_units),
        training_flops=both(served.training_flops, other.training_flops),
        total_flops=both(served.total_flops, other.total_flops),
    )


def reaching(estimate: Estimate, *others: float) -> Estimate:
    """Add the distance to other values, to the furthest on either side, as one more independent error."""
    furthest = (min(others), max(others))
    ends = np.log([estimate.interval.low, estimate.interval.high, *furthest])
    return _estimate(float(np.log(estimate.value)), ends if furthest[0] < furthest[1] else ends[:3])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """One solution, as logarithms."""

    log_n: float
    log_training: float
    log_total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Landscape:
    """ln loss over ln C and ln N around the compute-optimal size, as smooth as the law is."""

    law: ScalingLaw
    inference_units: float
    log_n: Floats
    log_flops: Floats
    surface: RectBivariateSpline

    @classmethod
    def around(
        cls, law: ScalingLaw, inference_units: float, n_params: float, flops: tuple[float, float]
    ) -> Self:
        """Tabulate the law between two computes, for more sizes than asked about: its optimum may shift."""
        table_n, table_c = np.geomspace(n_params / _REACH / 10, n_params * 30, 400), np.geomspace(*flops, 41)
        rows = np.log([law.headline.isoflop_curve(table_n, float(c)) for c in table_c])
        return cls(
            law=law,
            inference_units=inference_units,
            log_n=np.linspace(np.log(n_params / _REACH), np.log(3 * n_params), _N_SIZES),
            log_flops=np.linspace(np.log(flops[0]), np.log(flops[1]), _N_FLOPS),
            surface=RectBivariateSpline(np.log(table_c), np.log(table_n), rows),
        )

    @property
    def serving(self) -> Floats:
        """FLOPs that each size takes to serve."""
        per_unit = FORWARD * self.law.points.flops_per_unit.at(np.exp(self.log_n))
        costs: Floats = per_unit * self.inference_units
        return costs

    def log_n_units(self, life: _Life) -> float:
        """Return the ln D that a life's training compute pays for."""
        return life.log_training - float(np.log(self.law.points.flops_per_unit(float(np.exp(life.log_n)))))

    def losses(self, total: float, *, shift: float = 0.0) -> Floats:
        """Return ln loss of each size that is trained with what serving leaves of `total`; else infinite."""
        training = total - self.serving
        enough = training >= np.exp(self.log_flops[0])
        log_training = np.log(np.where(enough, training, total))
        losses: Floats = self.surface.ev(log_training, self.log_n - shift)
        return np.where(enough, losses, np.inf)

    def training(self, log_loss: float, *, shift: float = 0.0) -> Floats:
        """Return the least FLOPs with which each size reaches a loss; infinite where none does."""
        reached = self.surface(self.log_flops, self.log_n - shift) <= log_loss
        first = reached.argmax(axis=0)
        before = np.maximum(first - 1, 0)
        ends = [self.surface.ev(self.log_flops[i], self.log_n - shift) for i in (before, first)]
        share = np.clip((ends[0] - log_loss) / np.maximum(ends[0] - ends[1], 1e-300), 0, 1)
        log_flops = self.log_flops[before] + share * (self.log_flops[first] - self.log_flops[before])
        return np.where(reached.any(axis=0), np.exp(log_flops), np.inf)


def best_within(law: ScalingLaw, total: float, inference_units: float, *, noise: float) -> Served:
    """Return the model of least loss that `total` FLOPs train and serve.

    Raises:
        FitError: `inference-dominates`.
    """
    optimum = law.headline.optimum(total)
    landscape = _Landscape.around(law, inference_units, optimum.n_params.value, (total / _SPAN, total))

    def solve(shift: float) -> _Life:
        log_n = _lowest(landscape, landscape.losses(total, shift=shift))
        training = total - _serving(law, log_n, inference_units)
        return _Life(log_n=log_n, log_training=float(np.log(training)), log_total=float(np.log(total)))

    shifted = [solve(shift) for shift in _deviations(optimum.n_params)]
    return _served(landscape, solve(0.0), shifted, noise=noise)


def cheapest_for(law: ScalingLaw, loss: float, inference_units: float, *, noise: float) -> Served:
    """Return the model that reaches `loss` and takes the least FLOPs to train and to serve.

    Raises:
        FitError: `inference-dominates`, or `out-of-reach` where no model reaches the loss.
    """
    least = flops_where(law, least_loss(law, loss)).flops.value
    optimum = law.headline.optimum(least)
    landscape = _Landscape.around(law, inference_units, optimum.n_params.value, (least / 30, least * _SPAN))

    def solve(shift: float, height: float) -> _Life:
        training = landscape.training(np.log(loss) - height, shift=shift)
        total = np.log(training + landscape.serving)
        log_n = _lowest(landscape, total)
        log_training = float(np.interp(log_n, landscape.log_n, np.log(training)))
        return _Life(
            log_n=log_n, log_training=log_training, log_total=float(np.interp(log_n, landscape.log_n, total))
        )

    shifted = [solve(shift, 0.0) for shift in _deviations(optimum.n_params)]
    raised = [solve(0.0, height) for height in _deviations(optimum.loss)]
    return _served(landscape, solve(0.0, 0.0), [*shifted, *raised], noise=noise)


def _serving(law: ScalingLaw, log_n: float, inference_units: float) -> float:
    return FORWARD * law.points.flops_per_unit(float(np.exp(log_n))) * inference_units


def _deviations(estimate: Estimate) -> tuple[float, float]:
    """Return how far, on a log scale, the ends of an interval lie from its value."""
    low, high = estimate.interval.low, estimate.interval.high
    return float(np.log(low / estimate.value)), float(np.log(high / estimate.value))


def _lowest(landscape: _Landscape, heights: Floats) -> float:
    """Return the ln N of the least height, between grid points.

    Raises:
        FitError: it lies at the smallest size looked at (`inference-dominates`).
    """
    i = int(np.argmin(heights))
    if i == 0 or not np.isfinite(heights[i]):
        raise FitError(
            f"Serving {landscape.inference_units:.3g} units costs so much more than training that the best "
            f"model is more than {_REACH:.0f} times smaller than the compute-optimal one.",
            fix="ask for fewer inference_units, or for a higher loss or more FLOPs",
            code="inference-dominates",
        )
    if i == len(heights) - 1 or not np.isfinite(heights[[i - 1, i + 1]]).all():
        return float(landscape.log_n[i])
    left, middle, right = heights[i - 1 : i + 2]
    bend = left - 2 * middle + right
    step = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(landscape.log_n[i] + step * (landscape.log_n[1] - landscape.log_n[0]))


def _served(landscape: _Landscape, best: _Life, others: list[_Life], *, noise: float) -> Served:
    """Put the answer together; what N* and L* may be off by moves it independently."""
    at_total = landscape.losses(float(np.exp(best.log_total)))
    near = landscape.log_n[at_total <= at_total.min() + noise]
    return Served(
        n_params=_estimate(best.log_n, (life.log_n for life in others)),
        n_units=_estimate(landscape.log_n_units(best), map(landscape.log_n_units, others)),
        training_flops=_estimate(best.log_training, (life.log_training for life in others)),
        total_flops=_estimate(best.log_total, (life.log_total for life in others)),
        near_optimal_n=Interval(
            float(np.exp(min(near.min(), best.log_n))), float(np.exp(max(near.max(), best.log_n))), 1.0
        ),
    )


def _estimate(value: float, others: Iterable[float]) -> Estimate:
    away = np.array([other - value for other in others])
    low, high = np.hypot.reduce(np.minimum(away, 0)), np.hypot.reduce(np.maximum(away, 0))
    ends = Interval(float(np.exp(value - low)), float(np.exp(value + high)))
    return Estimate(value=float(np.exp(value)), interval=ends)
