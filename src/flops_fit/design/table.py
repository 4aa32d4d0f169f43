"""The plan as a table that a person reads before paying for it."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from flops_fit.design.grid import Finding, PlannedRun, SweepPlan
from flops_fit.text_columns import aligned

_HEADER = ("budget", "runs", "sizes", "N", "D ({unit}s)", "steps", "epochs", "FLOPs")
_MARK = {"info": "note", "warning": "WARNING", "error": "ERROR"}


def describe_plan(plan: SweepPlan) -> str:
    """Return one line per budget, the totals, and every finding with what to do about it."""
    rows = [_row(list(runs), plan.data.n_units) for _, runs in groupby(plan.runs, key=lambda run: run.budget)]
    header = tuple(name.format(unit=plan.data.unit) for name in _HEADER)
    return "\n".join(
        [*aligned([header, *rows], right=True), "", _total(plan), *described_findings(plan.findings)]
    )


def described_findings(findings: Iterable[Finding]) -> list[str]:
    """Return what each finding says and what to do about it, two lines each."""
    return [f"{_MARK[f.severity]} [{f.code}] {f.message}\n  do: {f.action}" for f in findings]


def _row(runs: Sequence[PlannedRun], epoch: int | None) -> tuple[str, ...]:
    n_units = [run.n_units for run in runs]
    return (
        f"{runs[0].budget:.3g}",
        f"{len(runs)}",
        f"{len({run.size.name for run in runs})}",
        _range([run.size.n_params for run in runs]),
        _range(n_units),
        f"{min(run.n_steps for run in runs)}-{max(run.n_steps for run in runs)}",
        "endless" if epoch is None else f"{max(n_units) / epoch:.2g}",
        f"{math.fsum(run.flops for run in runs):.3g}",
    )


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}"


def _total(plan: SweepPlan) -> str:
    sizes = len({run.size.name for run in plan.runs})
    total = f"{len(plan.runs)} runs of {sizes} sizes, {plan.flops:.3g} FLOPs in all"
    if not plan.share_steps:
        return total
    executed = f"{plan.flops_executed:.3g} FLOPs are executed in {len(plan.trunks)} trunks that share steps"
    return f"{total}\n{executed}, {plan.flops / plan.flops_executed:.2f}x fewer{_audit(plan)}"


def _audit(plan: SweepPlan) -> str:
    if not plan.audited:
        return ""
    cost = math.fsum(run.flops for run in plan.audited) / plan.flops_executed
    return f"; auditing {len(plan.audited)} of them alone costs {cost:.1%} more"
