"""Budgets: the runs of each IsoFLOP curve on logarithmic scales, ready for the valley model."""

from dataclasses import dataclass

import numpy as np

from flops_fit.fit.arrays import Floats, Ints, Rows
from flops_fit.fit.counting import robust_quadratic, robust_scale
from flops_fit.fit.points import Points

_ONE_SIZE = 1e-3
"""ln N may differ by that much and still be the same size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budget:
    """The runs of one IsoFLOP curve, in ascending order of N."""

    flops: float
    """The budget as it was given."""
    log_n: Floats
    """Shape (n_runs,), as are the arrays below."""
    log_loss: Floats
    excess: Floats
    """ln of compute spent over the budget, as far as it is not a matter of how FLOPs are counted."""
    trunk: Ints
    """Label of the trunk that a run branched off; runs of one trunk err alike."""

    @property
    def log_flops(self) -> float:
        """Return ln of the budget."""
        return float(np.log(self.flops))

    @property
    def best(self) -> int:
        """Index of the run of least loss."""
        return int(np.argmin(self.log_loss))

    @property
    def sizes(self) -> Ints:
        """Label of each run's size; runs of one size repeat each other, shape (n_runs,)."""
        labels: Ints = np.cumsum(np.diff(self.log_n, prepend=self.log_n[0]) > _ONE_SIZE)
        return labels

    @property
    def n_sizes(self) -> int:
        """Distinct model sizes."""
        return int(self.sizes.max()) + 1


def budgets_of(points: Points) -> tuple[Budget, ...]:
    """Group the points that belong to a budget, lowest budget first."""
    names = np.unique(points.budget[~np.isnan(points.budget)])
    named = np.array([_flops(float(name), points.flops[points.budget == name]) for name in names])
    flops = np.unique(named)
    members = [np.flatnonzero(np.isin(points.budget, names[named == budget])) for budget in flops]
    members = [rows[np.argsort(points.n_params[rows], kind="stable")] for rows in members]
    return tuple(
        Budget(
            flops=float(budget),
            log_n=np.log(points.n_params[rows]),
            log_loss=np.log(points.loss[rows]),
            excess=excess,
            trunk=points.trunk[rows],
        )
        for budget, rows, excess in zip(flops, members, _excess_compute(points, members, flops), strict=True)
    )


def _flops(name: float, flops: Floats) -> float:
    """Take a budget at its name where the runs bear it out, else at their median compute."""
    median = float(np.median(flops))
    return name if name > 0 and abs(np.log(name) - np.log(median)) < 0.3 else median


def _excess_compute(points: Points, members: list[Rows], budgets: Floats) -> list[Floats]:
    """Tell the scatter of compute within budgets from the smooth effect of how FLOPs are counted.

    Runs read off a figure miss their budget by several percent. Their ln(N·D) against the budget, less a
    smooth curve in ln N, is that miss. Scatter beyond 8% is something else and is left alone.
    """
    if not members:
        return []
    rows = np.concatenate(members)
    log_n = np.log(points.n_params[rows])
    missed = log_n + np.log(points.n_units[rows]) - np.repeat(np.log(budgets), [len(m) for m in members])
    _, scatter = robust_quadratic(log_n, missed)
    if len(rows) <= 10 or robust_scale(scatter) > 0.08:
        scatter = np.zeros_like(scatter)
    return np.split(np.clip(scatter, -0.2, 0.2), np.cumsum([len(m) for m in members])[:-1])
