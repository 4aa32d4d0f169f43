"""What a plan is: the runs to train, together or alone, and what is worth knowing before training them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flops_fit.components import DataSpec, Size
from flops_fit.config.device import Precision

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a plan or a fit that its reader should know."""

    code: str
    severity: Severity
    message: str
    action: str
    """What to do about it."""
    value: float | None = None
    """What was measured, where it is one number."""
    threshold: float | None = None
    """Where the finding begins, on the scale of `value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One cell of the grid: one size trained with one seed at one budget."""

    run_id: str
    """Hash of everything that determines the run."""
    trunk: str
    """Hash of what determines its steps before the cooldown: runs that agree in it share those steps."""
    budget: float
    """Target FLOPs."""
    size: Size
    seed: int
    batch_size: int
    """Rows of a global batch."""
    n_steps: int
    warmup_steps: int
    cooldown_steps: int
    """The last steps, in which the learning rate falls to zero."""
    n_units: int
    """n_steps × batch_size × units per row: what the run will consume, exactly."""
    flops_per_unit: float
    """Counted forward and backward FLOPs of one data unit at this size."""
    lr: float
    """Peak learning rate."""
    precision: Precision
    """Of the forward pass; weights and their updates are fp32."""

    @property
    def branch_step(self) -> int:
        """Where the cooldown begins: until then the run takes the steps of every longer run of its trunk."""
        return self.n_steps - self.cooldown_steps

    @property
    def flops_per_step(self) -> float:
        """FLOPs of one step."""
        return self.flops / self.n_steps

    @property
    def flops(self) -> float:
        """FLOPs that the run costs alone."""
        return self.flops_per_unit * self.n_units

    @property
    def flops_6nd(self) -> float:
        """The same by C = 6·N·D."""
        return 6.0 * self.size.n_params * self.n_units


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """Every run of a sweep, ordered by budget, size and seed."""

    plan_id: str
    """Hash of the run ids."""
    runs: tuple[PlannedRun, ...]
    share_steps: bool
    """Whether the runs of a trunk are trained together."""
    audited: tuple[PlannedRun, ...]
    """Runs that are trained once more, alone, to show that sharing steps changes no loss."""
    data: DataSpec
    """What the runs train on: it names the unit of D and the length of one epoch."""
    findings: tuple[Finding, ...]

    @property
    def flops(self) -> float:
        """FLOPs of the whole sweep if every run were trained alone."""
        return math.fsum(run.flops for run in self.runs)

    @property
    def flops_executed(self) -> float:
        """FLOPs that the machine executes for all runs, audited ones not counted again."""
        return math.fsum(executed_flops(trunk) for trunk in self.trunks)

    @property
    def trunks(self) -> tuple[Trunk, ...]:
        """The runs as they are trained."""
        return trunks_of(self.runs, share_steps=self.share_steps)


Trunk = tuple[PlannedRun, ...]
"""Runs that share their first steps, the shortest first: the unit of training."""


def trunks_of(runs: Iterable[PlannedRun], *, share_steps: bool) -> tuple[Trunk, ...]:
    """Return `runs` in groups, in the order of first mention; each alone unless steps are shared."""
    groups: dict[str, list[PlannedRun]] = {}
    for run in runs:
        groups.setdefault(run.trunk if share_steps and run.trunk else run.run_id, []).append(run)
    return tuple(tuple(sorted(group, key=lambda run: run.n_steps)) for group in groups.values())


def executed_steps(trunk: Trunk) -> tuple[int, ...]:
    """Count the steps that each run takes beyond those that the trunk took for the run before it."""
    starts = (0, *(run.branch_step for run in trunk[:-1]))
    return tuple(run.n_steps - start for run, start in zip(trunk, starts, strict=True))


def executed_flops(trunk: Trunk) -> float:
    """Return the FLOPs that the runs of `trunk` cost together."""
    return math.fsum(
        run.flops_per_step * n_steps for run, n_steps in zip(trunk, executed_steps(trunk), strict=True)
    )
