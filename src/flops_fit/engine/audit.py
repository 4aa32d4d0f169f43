"""Train a few runs of a sweep once more, alone, beside the others."""

from collections.abc import Iterable
from dataclasses import replace

from flops_fit.design.grid import SweepPlan, Trunk
from flops_fit.runs.audit import Audit
from flops_fit.runs.record import RunRecord
from flops_fit.runs.store import RunStore

_PREFIX = "audit-"
"""Of the id of a run while it is trained as an audit."""


def audits_of(plan: SweepPlan, audits: Iterable[Audit]) -> list[Trunk]:
    """Return the audits of `plan` that `audits` lacks, each a trunk of one run."""
    done = {audit.run_id for audit in audits}
    return [
        (replace(run, run_id=_PREFIX + run.run_id, trunk=""),)
        for run in plan.audited
        if run.run_id not in done
    ]


def keep_audit(record: RunRecord, store: RunStore) -> bool:
    """Commit `record` as an audit if it is one; a failed audit is left to the next start of the sweep."""
    if not record.run_id.startswith(_PREFIX):
        return False
    if record.status != "failed":
        run_id = record.run_id.removeprefix(_PREFIX)
        store.add_audit(
            Audit(
                run_id=run_id,
                loss=record.loss,
                status=record.status,
                flops=record.flops,
                wall_s=record.wall_s,
            )
        )
    return True
