"""Whether a run comes out the same alone as in its trunk."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from flops_fit.design.grid import Finding
from flops_fit.runs.record import RunRecord

SEED_SD = 0.002
"""Nats; what losses are assumed to scatter by between seeds where a sweep has only one.

Least of the values that we know of: language models of 1e8 parameters (README of modded-nanogpt).
"""
_APART = 2.0 * math.sqrt(2.0)
"""Standard deviations that two draws are apart at most, in 19 of 20 cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a run of a trunk came to when it was trained once more, alone."""

    run_id: str
    """The run whose row it is compared with."""
    loss: float | None
    """Nats per unit; None if it diverged."""
    status: Literal["completed", "diverged"]
    flops: float
    wall_s: float | None


def audit_findings(audits: Iterable[Audit], records: Sequence[RunRecord]) -> tuple[Finding, ...]:
    """Say how far the losses of runs alone lie from those of the same runs in their trunks.

    Seed noise is the pooled standard deviation between the seeds of a cell, or assumed where no cell has two.
    Two draws of that noise differ by less than 2·√2 times as much in 19 of 20 cases; a branch that differs by
    more is another run.
    """
    rows = {record.run_id: record for record in records if record.status != "failed"}
    pairs = [(rows[audit.run_id], audit) for audit in audits if audit.run_id in rows]
    if not pairs:
        return ()
    worst_row, worst = max(pairs, key=lambda pair: _distance(*pair))
    distance, noise = _distance(worst_row, worst), _seed_noise(records)
    failed = distance > noise.reach
    return (_differs(worst_row, distance, noise) if failed else _same(len(pairs), distance, noise),)


class _Noise(NamedTuple):
    reach: float
    """Nats; how far two runs of one cell come apart by their seeds."""
    origin: str
    """Whether that was measured or is assumed."""


def _same(n_audited: int, distance: float, noise: _Noise) -> Finding:
    runs = "1 run was" if n_audited == 1 else f"{n_audited} runs were"
    found = (
        "the loss is equal to the last bit"
        if distance == 0
        else f"the loss differs by {distance:.2g} at most; seeds explain {noise.reach:.2g} ({noise.origin})"
    )
    return Finding(
        code="audited",
        severity="info",
        message=f"{runs} trained once more, alone: {found}.",
        action="no need to act; `training.audit` says how many runs are audited",
        value=distance,
        threshold=noise.reach,
    )


def _differs(row: RunRecord, distance: float, noise: _Noise) -> Finding:
    return Finding(
        code="audit-failed",
        severity="error",
        message=f"Alone, {row.size} at {row.budget or row.flops:.3g} FLOPs comes to a loss that differs by "
        f"{distance:.3g} from that in its trunk; seeds explain {noise.reach:.2g} ({noise.origin}).",
        action="set training.mode: alone; or look for what the model keeps between steps outside of its "
        "parameters and buffers",
        value=distance if math.isfinite(distance) else None,
        threshold=noise.reach,
    )


def _distance(row: RunRecord, audit: Audit) -> float:
    if row.loss is None or audit.loss is None:
        return 0.0 if row.loss is audit.loss else math.inf
    return abs(row.loss - audit.loss)


def _seed_noise(records: Iterable[RunRecord]) -> _Noise:
    """Pool the variance between the seeds of each cell, and tell how far apart two such runs may be."""
    cells: dict[tuple[str, float | None], list[float]] = defaultdict(list)
    for record in records:
        if record.loss is not None:
            cells[record.size, record.budget].append(record.loss)
    freedom = sum(len(losses) - 1 for losses in cells.values())
    if not freedom:
        return _Noise(_APART * SEED_SD, "assumed, because no seed was repeated")
    means = {cell: math.fsum(losses) / len(losses) for cell, losses in cells.items()}
    squares = ((loss - means[cell]) ** 2 for cell, losses in cells.items() for loss in losses)
    return _Noise(_APART * math.sqrt(math.fsum(squares) / freedom), "measured between seeds")
