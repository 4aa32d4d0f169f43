"""The row that a planned run leaves behind, however it ended."""

import math
from collections.abc import Mapping

from flops_fit.design.grid import PlannedRun
from flops_fit.runs.record import Origin, RunRecord, Status


def row_of(
    run: PlannedRun,
    *,
    n_units: int,
    n_steps: int,
    n_units_executed: int | None = None,
    loss: float | None = None,
    metrics: Mapping[str, float] | None = None,
    status: Status = "completed",
    reason: str = "",
    wall_s: float | None = None,
    origin: Origin = "trained",
) -> RunRecord:
    """Return the record of `run` after `n_steps` steps on `n_units` units; FLOPs follow from the units.

    `n_units_executed` are those that the run did not share with an earlier run of its trunk.
    """
    return RunRecord(
        run_id=run.run_id,
        budget=run.budget,
        size=run.size.name,
        seed=run.seed,
        n_params=run.size.n_params,
        n_params_nonembedding=run.size.n_params_nonembedding,
        n_units=n_units,
        flops=run.flops_per_unit * n_units,
        flops_6nd=6.0 * run.size.n_params * n_units,
        loss=loss,
        status=status,
        reason=reason,
        wall_s=wall_s,
        origin=origin,
        n_units_planned=run.n_units,
        n_steps=n_steps,
        batch_size=run.batch_size,
        lr=run.lr,
        precision=run.precision,
        trunk=run.trunk,
        metrics={name: value for name, value in (metrics or {}).items() if math.isfinite(value)},
        flops_executed=None if n_units_executed is None else run.flops_per_unit * n_units_executed,
    )


def failed_row(run: PlannedRun, reason: str) -> RunRecord:
    """Return the record of a run of which nothing is left but the reason."""
    return row_of(run, n_units=0, n_steps=0, status="failed", reason=reason)
