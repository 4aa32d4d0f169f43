"""What one process of a job sees and computes in the first steps of a run, written down to be compared."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import dataclass, field

import torch
from torch.nn.modules.dropout import _DropoutNd

from flops_fit.components import Batch
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.batches import counted_units, n_rows
from flops_fit.engine.loop import Trainee, evaluate, set_up, take_steps
from flops_fit.engine.parallel import Team
from flops_fit.engine.reproducible import reproducible


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What one process reports of a run."""

    device: str
    rows: tuple[tuple[str, ...], ...]
    """Of each step: a digest of every row that this process trained on."""
    losses: tuple[float, ...]
    """Of each step, over the global batch, nats per unit."""
    held_out: tuple[float, float]
    """Before the first step and after the last, nats per unit."""


def testify(content: bytes, on_gpus: bool) -> list[Testimony]:  # noqa: FBT001 - torch's launcher passes by place
    """Take the steps of each pickled (spec, run) as part of the job that this process belongs to."""
    if not on_gpus:
        os.environ["ACCELERATE_USE_CPU"] = "true"
    torch.backends.cudnn.allow_tf32 = False  # its 10 bits would hide what is compared to 1e-5
    cases: list[tuple[SweepSpec, PlannedRun]] = pickle.loads(content)  # noqa: S301 - our parent wrote it
    return [_testimony(spec, run) for spec, run in cases]


def _testimony(spec: SweepSpec, run: PlannedRun) -> Testimony:
    with reproducible(run.seed):
        team = _Witness.of_this_job()
        trainee = set_up(run, spec, team)
        _without_dropout(trainee.module)
        before = evaluate(trainee, spec).loss
        trainee.module.train()
        losses = tuple(_loss_of_a_step(trainee) for _ in range(run.n_steps))
        return Testimony(
            device=str(trainee.device.type),
            rows=tuple(map(tuple, team.seen)),
            losses=losses,
            held_out=(before, evaluate(trainee, spec).loss),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witness(Team):
    """A team that notes which rows each step of this process trains on."""

    seen: list[list[str]] = field(default_factory=list)

    def share(self, batch: Batch) -> tuple[Batch, float]:
        own, weight = Team.share(self, batch)
        self.seen.append(_digests(own) if weight else [])
        return own, weight


def _digests(batch: Batch) -> list[str]:
    """Return a digest of each row that counts towards the loss; rows without a label teach nothing."""
    rows = ({name: batch[name][i : i + 1] for name in sorted(batch)} for i in range(n_rows(batch)))
    return [_digest(row) for row in rows if counted_units(row)]


def _digest(row: Batch) -> str:
    content = b"".join(value.contiguous().view(torch.uint8).numpy().tobytes() for value in row.values())
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _without_dropout(module: torch.nn.Module) -> None:
    """Switch dropout off: its noise differs between processes, as their rows do, and would be all we see."""
    for part in module.modules():
        if isinstance(part, _DropoutNd):
            part.p = 0.0
        elif isinstance(part, torch.nn.MultiheadAttention):
            part.dropout = 0.0


def _loss_of_a_step(trainee: Trainee) -> float:
    """Take one step and return the loss over the global batch."""
    trainee.loss_sum.zero_()
    take_steps(trainee, 1)
    return trainee.team.total(trainee.loss_sum).item() / trainee.team.n
