"""Several loss surfaces believed in part each: the law of tables that no single form fits clearly best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import FlopsPerUnit
from flops_fit.fit.law import Estimate, Optimum
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.quantities import Interval

_DEVIATES = ndtri((np.arange(2000) + 0.5) / 2000)
"""Normal deviates that stand for what a member holds possible."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixtureLaw:
    """The weighted geometric mean of surfaces, each the median of its fits to resampled runs.

    Few runs leave a surface so free that the fit to all of them is one of many that are as good, and what it
    says far above them is a matter of a few; the median of the resampled ones says it more steadily. A single
    surface is not treated so: there the parameters that are printed must give the numbers that are printed.

    Source: Breiman 1996, doi:10.1007/BF00058655 (bagging); the median as in Bühlmann 2003 (bragging).

    An interval holds the central part of what all members together hold possible, each by its weight, so it
    is wide where they disagree.
    """

    members: tuple[SurfaceLaw, ...]
    """The most believed first."""
    weights: Floats
    """Shape (n_members,), summing to 1."""
    kind: Literal["mixture"] = "mixture"

    @property
    def name(self) -> str:
        """What the law is called in tables."""
        return "average"

    @property
    def flops_range(self) -> tuple[float, float]:
        """Least and largest compute of a run."""
        return self.members[0].flops_range

    @property
    def flops_per_unit(self) -> FlopsPerUnit:
        """FLOPs that one data unit costs, by size."""
        return self.members[0].flops_per_unit

    @property
    def exponent_at_top(self) -> Estimate:
        """Mean of the members' slopes d ln N* / d ln C at the largest run."""
        return self._pooled_slope([member.exponent_at_top for member in self.members])

    @property
    def exponent_whole_range(self) -> Estimate:
        """Mean of the members' slopes between the smallest and the largest run."""
        return self._pooled_slope([member.exponent_whole_range for member in self.members])

    def optimum(self, flops: float) -> Optimum:
        """Return the minimum of the mean surface at `flops`."""
        optima = [member.optimum(flops) for member in self.members]
        n_params = self._minimum([o.n_params.interval for o in optima], flops)
        loss = float(self.isoflop_curve(np.array([n_params]), flops)[0])
        return Optimum(
            n_params=self._pooled(n_params, [o.n_params for o in optima]),
            loss=self._pooled(loss, [o.loss for o in optima]),
        )

    def loss_at(self, n_params: float, n_units: float) -> Estimate:
        """Return the mean surface at any N and D."""
        estimates = [member.loss_at(n_params, n_units) for member in self.members]
        return self._pooled(float(self._loss(np.array([n_params]), np.array([n_units]))[0]), estimates)

    def isoflop_curve(self, n_params: Floats, flops: float) -> Floats:
        """Return the loss of each size when `flops` are spent on it."""
        return self._loss(n_params, flops / self.flops_per_unit.at(n_params))

    def _loss(self, n_params: Floats, n_units: Floats) -> Floats:
        losses: Floats = np.exp(self.weights @ [m.median_log_loss(n_params, n_units) for m in self.members])
        return losses

    def _minimum(self, held_possible: Sequence[Interval], flops: float) -> float:
        from scipy.optimize import minimize_scalar

        low = float(np.log(min(interval.low for interval in held_possible)))
        high = float(np.log(max(interval.high for interval in held_possible)))
        best = minimize_scalar(
            lambda log_n: float(self.isoflop_curve(np.exp([log_n]), flops)[0]),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return float(np.exp(best.x))

    def _pooled(self, value: float, estimates: Sequence[Estimate]) -> Estimate:
        """Pool positive quantities on a log scale."""
        interval = self._central(
            float(np.log(value)),
            [np.log([e.interval.low, e.value, e.interval.high]) for e in estimates],
            estimates[0].interval.level,
        )
        return Estimate(
            value=value,
            interval=Interval(float(np.exp(interval.low)), float(np.exp(interval.high)), interval.level),
        )

    def _pooled_slope(self, estimates: Sequence[Estimate]) -> Estimate:
        value = float(self.weights @ [e.value for e in estimates])
        ends = [np.array([e.interval.low, e.value, e.interval.high]) for e in estimates]
        return Estimate(value=value, interval=self._central(value, ends, estimates[0].interval.level))

    def _central(self, value: float, ends: Sequence[Floats], level: float) -> Interval:
        """Return the central interval of two half-normals per member, stretched to hold the value itself.

        `ends` are the low end, the value and the high end of each member's interval.
        """
        reach = float(ndtri(0.5 + level / 2))
        drawn = np.concatenate(
            [
                middle + _DEVIATES / reach * np.where(_DEVIATES < 0, middle - low, high - middle)
                for low, middle, high in ends
            ]
        )
        order = np.argsort(drawn, kind="stable")
        share = np.cumsum(np.repeat(self.weights, len(_DEVIATES))[order]) / len(_DEVIATES)
        low, high = np.interp([(1 - level) / 2, (1 + level) / 2], share, drawn[order])
        return Interval(min(float(low), value), max(float(high), value), level)
