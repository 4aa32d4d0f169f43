"""One trained (or failed, or simulated) run: what the engine writes and the fit reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from flops_fit.runs.curves import Curve

Status = Literal["completed", "diverged", "failed"]
Origin = Literal["trained", "simulated", "imported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One row of `runs.sqlite`, and of every exported table."""

    run_id: str
    """Hash of everything that determines the run; for imported rows, their place in the table."""
    budget: float | None
    """Target FLOPs of the IsoFLOP curve; None for rows of a table without budgets."""
    size: str
    seed: int
    n_params: float
    n_params_nonembedding: float | None
    n_units: float
    """Data units consumed, as counted by the loop."""
    flops: float
    """n_units times the counted FLOPs per unit."""
    flops_6nd: float
    loss: float | None
    """Held-out loss, nats per unit; None unless completed."""
    status: Status = "completed"
    reason: str = ""
    """Why the run has no loss, or why its FLOPs are off target; empty when all is well."""
    wall_s: float | None = None
    origin: Origin = "trained"
    n_units_planned: float | None = None
    n_steps: int | None = None
    batch_size: int | None = None
    """Rows of a global batch."""
    lr: float | None = None
    precision: str = ""
    """Of the forward pass, fp32 or bf16; empty for imported rows that do not say."""
    trunk: str = ""
    """Runs that agree in it share their first steps, so they are not independent; empty: shares none."""
    flops_executed: float | None = None
    """FLOPs that were executed for this run beyond those executed for the run before it in its trunk."""
    plan_id: str = ""
    """Hash of the plan that this run was trained for."""
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Further means over the held-out set, e.g. `accuracy`; those that are not finite are left out."""
    curve: Curve = field(default=(), compare=False, repr=False)
    """Losses on the way; kept beside the rows, and not read back with them."""


COLUMNS = tuple(f.name for f in fields(RunRecord) if f.name != "curve")
"""Of the table `runs`, and of every exported table."""
