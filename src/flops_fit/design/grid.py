"""What a plan is: the runs to train, and what is worth knowing before training them."""

import math
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
    budget: float
    """Target FLOPs."""
    size: Size
    seed: int
    batch_size: int
    """Rows of a global batch."""
    n_steps: int
    n_units: int
    """n_steps × batch_size × units per row: what the run will consume, exactly."""
    flops_per_unit: float
    """Counted forward and backward FLOPs of one data unit at this size."""
    lr: float
    """Peak learning rate."""
    precision: Precision
    """Of the forward pass; weights and their updates are fp32."""

    @property
    def flops(self) -> float:
        """FLOPs that the run will spend."""
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
    data: DataSpec
    """What the runs train on: it names the unit of D and the length of one epoch."""
    findings: tuple[Finding, ...]

    @property
    def flops(self) -> float:
        """FLOPs of the whole sweep."""
        return math.fsum(run.flops for run in self.runs)
