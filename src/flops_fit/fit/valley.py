"""The valley: where each budget's loss is least, and how that minimum moves with compute.

Two members, which differ in how far from the best run a budget is looked at, are averaged, and what they
disagree on widens the answer. The answer is what the next sweep at a given compute would show, not a
parameter of some surface: the scatter of a new budget around its trend is part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import Budget
from flops_fit.fit.trend import LogEstimate, Trend, fit_loss_trend, fit_size_trend
from flops_fit.fit.vertex import Vertices, curvature_at, locate_vertices, without

WINDOWS = (0.9, 1.3)
"""How far from its best run a budget is looked at, in e-folds of N, by either member."""
_PARABOLIC_REACH = 1.5
"""e-folds of N from the optimum beyond which the valley's walls go on straight."""
_CURVATURE_REACH = (-20.0, 3.0)
"""e-folds of C past the top budget within which the curvature follows its trend."""


class Minimum(NamedTuple):
    """The least loss on one IsoFLOP curve and the size that has it, on log scales."""

    log_n: LogEstimate
    log_loss: LogEstimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """One look at the valley, through one window."""

    vertices: Vertices
    size_trend: Trend
    loss_trend: Trend
    sighting: tuple[float, float]
    """Variances of ln N* and ln L* that a new budget would have around the truth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Valley:
    """The average of the members."""

    members: tuple[Member, ...]

    def minimum(self, log_flops: float) -> Minimum:
        """Return what a new IsoFLOP curve at a compute of e^log_flops is expected to show."""
        sizes = [m.size_trend.predict(log_flops) for m in self.members]
        losses = [m.loss_trend.predict(log_flops) for m in self.members]
        size_sighting, loss_sighting = np.mean([m.sighting for m in self.members], axis=0)
        return Minimum(average(sizes, float(size_sighting)), average(losses, float(loss_sighting)))

    def log_loss(self, log_n: Floats, log_flops: float) -> Floats:
        """Return ln loss of sizes `log_n` at one compute, shape of `log_n`."""
        losses: Floats = np.mean([_wall(m, log_n, log_flops) for m in self.members], axis=0)
        return losses

    def curvature(self, log_flops: float) -> float:
        """Return the second-order coefficient of ln loss over ln N at the minimum."""
        return float(np.mean([_curvature(m, log_flops) for m in self.members]))


def fit_valley(budgets: Sequence[Budget]) -> Valley:
    """Fit the valley to three or more budgets in ascending order."""
    return Valley(members=tuple(_fit_member(budgets, window) for window in WINDOWS))


def refit_without(valley: Valley, budgets: Sequence[Budget], left_out: int) -> Valley:
    """Fit the valley's trends to its minima less one; the minima themselves stay as they are."""
    rest = [*budgets[:left_out], *budgets[left_out + 1 :]]
    return Valley(members=tuple(_member(rest, without(m.vertices, left_out)) for m in valley.members))


def _fit_member(budgets: Sequence[Budget], window: float) -> Member:
    return _member(budgets, locate_vertices(budgets, window=window))


def _member(budgets: Sequence[Budget], v: Vertices) -> Member:
    return Member(
        vertices=v,
        size_trend=fit_size_trend(v.log_flops, v.log_n, v.log_n_cov),
        loss_trend=fit_loss_trend(v.log_flops, v.log_loss, v.log_loss_cov),
        sighting=(_size_sighting(v), _loss_sighting(budgets, v)),
    )


def _size_sighting(vertices: Vertices) -> float:
    """Return the variance of the vertex that a budget shows by itself, median over the last four."""
    unpooled = vertices.unpooled_log_n_var[-4:]
    known = unpooled[np.isfinite(unpooled)]
    return float(np.median(known if len(known) else np.diag(vertices.log_n_cov)[-4:]))


def _loss_sighting(budgets: Sequence[Budget], vertices: Vertices) -> float:
    """Return the variance of a budget's best run around its fitted minimum, over the last five."""
    misses = (np.array([b.log_loss[b.best] for b in budgets]) - vertices.log_loss)[-5:]
    misses = misses[np.abs(misses) < 6 * vertices.noise + 0.003]
    return float((np.sum(misses**2) + 2 * vertices.noise**2) / (len(misses) + 2))


def average(estimates: Sequence[LogEstimate], sighting: float = 0.0) -> LogEstimate:
    """Average equally likely estimates; their disagreement and `sighting` widen the result."""
    means, variances = np.array(estimates).T
    return LogEstimate(float(means.mean()), float(variances.mean() + means.var()) + sighting)


def rise(away: Floats) -> tuple[Floats, Floats]:
    """Return how high ln loss rises `away` from ln N*, per unit of curvature, and how steeply there."""
    distance = np.abs(away)
    near = np.minimum(distance, _PARABOLIC_REACH)
    return near**2 + 2 * _PARABOLIC_REACH * (distance - near), 2 * near


def _wall(member: Member, log_n: Floats, log_flops: float) -> Floats:
    """Follow the parabola near the minimum and its tangent beyond `_PARABOLIC_REACH`."""
    height, _ = rise(log_n - member.size_trend.predict(log_flops).mean)
    wall: Floats = member.loss_trend.predict(log_flops).mean + _curvature(member, log_flops) * height
    return wall


def _curvature(member: Member, log_flops: float) -> float:
    past_top = np.clip(log_flops - member.vertices.log_flops[-1], *_CURVATURE_REACH)
    return float(curvature_at(member.vertices.log_curvature, past_top))
