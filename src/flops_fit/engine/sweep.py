"""Which trunk comes next: skip what is finished, survive what fails, commit what is done."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from flops_fit.config.pasteable import as_meant
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import SweepPlan, Trunk, trunks_of
from flops_fit.design.table import described_findings
from flops_fit.engine import interrupt
from flops_fit.engine.audit import audits_of, keep_audit
from flops_fit.engine.executors import count_cores, count_workers, execute
from flops_fit.engine.in_flight import folder_of, forget
from flops_fit.engine.job import check_launch, this_job
from flops_fit.engine.least_time import warn_of_days
from flops_fit.engine.lock import sole_owner
from flops_fit.engine.processes import get_ready
from flops_fit.engine.progress import Progress, Tally
from flops_fit.engine.shares import predicted_cost, shares_of
from flops_fit.errors import TrainingError
from flops_fit.runs.audit import Audit
from flops_fit.runs.record import RunRecord
from flops_fit.runs.store import RunStore

CHECKPOINTS = "checkpoints"
"""Directory of the states of trunks in flight, beside the runs."""

SMALL_SWEEP = 1e12
"""Predicted cost, FLOPs, below which processes take longer to start than they save (15 s of a core)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """What happened to the runs of a plan."""

    planned: int
    skipped: int
    """Finished before: completed or diverged rows of an earlier start."""
    trained: int
    """Completed now."""
    failed: int
    diverged: int
    wall_s: float
    flops: float
    """Executed now for the completed and diverged runs."""
    run_ids: tuple[str, ...]
    """The rows of this sweep in the store."""


def run_sweep(
    plan: SweepPlan, spec: SweepSpec, store: RunStore, *, report: Callable[[Progress], None] | None = None
) -> SweepSummary:
    """Train the runs of `plan` that `store` lacks, the longest trunk first, and commit each run as it ends.

    Completed and diverged rows are skipped; failed ones are tried again. A run that diverges or fails
    becomes a row with its reason, and the sweep goes on. Interrupted at any moment, the same call later
    goes on from the last checkpoint of each trunk, and comes to the same losses.

    Args:
        plan: What to train.
        spec: The spec that the plan was made from, its data prepared by the main process.
        store: Where rows go; in a job of several processes a `SharedStore`.
        report: Called at the start, after every run, and once more when the sweep ends or is interrupted;
            on the main process only.

    Raises:
        TrainingError: `no-run-completed`, `spec-not-sendable`, `batch-not-divisible`, `unsupported-launch` or
            `out-of-step`.
        StoreError: `directory-in-use`, or a row or a checkpoint cannot be written.
        KeyboardInterrupt: this process was asked to end (Ctrl-C, SIGTERM); the step was finished and the
            state saved.
    """
    started, job = time.perf_counter(), this_job()
    check_launch(spec)
    with sole_owner(store.path.parent):
        job.elsewhere(spec.data.prepare)
        kept = [row for row in store.read([run.run_id for run in plan.runs]) if row.status != "failed"]
        store.adopt([row.run_id for row in kept], plan.plan_id)
        if not kept:
            _warn_of_others(plan, store)
        records = _train_missing(plan, spec, store, kept, report if job.is_main else None)
    _require_one_completed([*kept, *records])
    return summarise(plan, records, wall_s=time.perf_counter() - started)


def _train_missing(
    plan: SweepPlan,
    spec: SweepSpec,
    store: RunStore,
    kept: Sequence[RunRecord],
    report: Callable[[Progress], None] | None,
) -> list[RunRecord]:
    """Train what `kept` lacks and commit it; return the new rows."""
    missing, trunks = _missing(plan, kept), trunks_left(plan, kept, store.audits())
    if missing and this_job().is_main:
        _warn(plan)
    workers = workers_for(trunks, spec)
    checkpoints = store.path.parent / CHECKPOINTS
    ended_by = {trunk[-1].run_id: folder_of(trunk, spec, checkpoints) for trunk in trunks}
    # A trunk whose state is kept goes on from there; of any other, shared steps are taken again.
    anew = [trunk for trunk in missing if not folder_of(trunk, spec, checkpoints).exists()]
    tally = Tally(shares_of(plan.trunks) | shares_of(anew), kept, workers=workers, report=report)
    if this_job().is_main:
        warn_of_days(tally.flops_left, spec, n_processes=this_job().n_processes)
    execution = execute(trunks, spec, workers=workers, checkpoints=checkpoints)
    records: list[RunRecord] = []
    with interrupt.heeded(), tally, closing(execution) as finished:
        for record in finished:
            if not keep_audit(record, store):
                store.add(replace(record, plan_id=plan.plan_id))
                records.append(record)
                tally.add(record)
            if record.run_id in ended_by and record.status != "failed":
                forget(ended_by[record.run_id])
    with suppress(OSError):  # another plan has trunks in flight there
        checkpoints.rmdir()
    return records


def _warn_of_others(plan: SweepPlan, store: RunStore) -> None:
    """Say that runs of other settings lie here, to whoever meant to go on with them."""
    ours = {run.run_id for run in plan.runs}
    others = [row for row in store.read() if row.run_id not in ours]
    if others and this_job().is_main:
        logging.getLogger(__name__).warning(
            "%s holds %d runs of other settings. They are kept, and take no part in this sweep: all of its "
            "runs are trained.",
            store.path.parent,
            len(others),
        )


def _warn(plan: SweepPlan) -> None:
    """Say what weakens the answer while nothing is spent yet, to whoever did not ask for the plan."""
    grave = [finding for finding in plan.findings if finding.severity != "info"]
    for told in described_findings(grave):
        logging.getLogger(__name__).warning(as_meant(told))


def summarise(plan: SweepPlan, records: Iterable[RunRecord], *, wall_s: float) -> SweepSummary:
    """Count what became of `records`, the rows of `plan` that were written now."""
    records = list(records)
    counts = {
        status: sum(r.status == status for r in records) for status in ("completed", "failed", "diverged")
    }
    return SweepSummary(
        planned=len(plan.runs),
        skipped=len(plan.runs) - len(records),
        trained=counts["completed"],
        failed=counts["failed"],
        diverged=counts["diverged"],
        wall_s=wall_s,
        flops=sum(record.flops_executed or 0.0 for record in records),
        run_ids=tuple(run.run_id for run in plan.runs),
    )


def _missing(plan: SweepPlan, kept: Iterable[RunRecord]) -> tuple[Trunk, ...]:
    done = {row.run_id for row in kept}
    return trunks_of((run for run in plan.runs if run.run_id not in done), share_steps=plan.share_steps)


def trunks_left(plan: SweepPlan, rows: Iterable[RunRecord], audits: Iterable[Audit]) -> list[Trunk]:
    """Return what is left of a plan, so ordered that no worker has a long trunk when others are done.

    `rows` and `audits` are those that there are; of a failed run there is nothing.
    """
    missing = _missing(plan, (row for row in rows if row.status != "failed"))
    return sorted([*missing, *audits_of(plan, audits)], key=predicted_cost, reverse=True)


def workers_for(trunks: Sequence[Trunk], spec: SweepSpec) -> int:
    """Return how many processes train `trunks` side by side."""
    small = sum(map(predicted_cost, trunks)) < SMALL_SWEEP
    return 1 if small and not spec.training.workers else count_workers(spec, trunks)


def expect_workers(spec: SweepSpec) -> None:
    """Have what workers need imported while this process plans, where a sweep of `spec` may want some."""
    at_most = sum(spec.budgets) * spec.design.sizes_per_budget * len(spec.seeds)
    several = (spec.training.workers or count_cores()) > 1 and this_job().n_processes == 1
    if several and at_most >= SMALL_SWEEP:
        get_ready()


def _require_one_completed(records: Iterable[RunRecord]) -> None:
    records = list(records)
    if any(record.status == "completed" for record in records):
        return
    first = records[0]
    raise TrainingError(
        f"None of the {len(records)} runs completed. {first.size}, seed {first.seed}: {first.reason}.",
        fix="lower training.lr"
        if first.status == "diverged"
        else "mend what the reason names, then start the same command again",
        code="no-run-completed",
    )
