"""Whether a job of several processes on this machine trains as one process does."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import cloudpickle
import torch

from flops_fit.config.probe import probe
from flops_fit.config.spec import SweepSpec
from flops_fit.design import plan_sweep
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.job import check_rows
from flops_fit.engine.witness import Testimony, testify
from flops_fit.errors import TrainingError
from flops_fit.text_columns import aligned

ALLOWED = 1e-5
"""Relative difference of losses in fp32: the sum over two halves of a batch is rounded in another order."""
CALM = 0.25
"""Fraction of the learning rate at which the steps are taken.

Fast training blows up what rounding does: with the GPT of `flops-fit selftest` at its own rate of 1.3, two
processes differ from one by 1e-7 after ten steps and by 1e-2 within a hundred. At a quarter of the rate
they end 2e-7 apart (CPU, 32 tokens a row, 8 rows a step), so a difference beyond `ALLOWED` is a mistake.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One run, by one process and by several."""

    name: str
    size: str
    n_processes: int
    device: str
    n_steps: int
    n_rows: int
    """Consumed by all processes together."""
    loss_distance: float
    """Largest relative difference of a step's loss."""
    held_out_distance: float
    """Relative difference of the held-out loss after the last step."""
    differences: tuple[str, ...]
    """What is not as it must be; empty if all is well."""


def compare_processes(
    specs: Mapping[str, SweepSpec], *, n_processes: int = 2, n_steps: int = 100
) -> list[Comparison]:
    """Train the smallest run of each spec, named, with one process and with several, and compare.

    On GPUs with NCCL where the machine has enough of them, else on the CPU with gloo.

    Raises:
        FlopsFitError: A spec cannot be trained at all; `unused-parameter` where processes would hang.
        TrainingError: `batch-not-divisible`, or `selftest-ended` with what a process raised.
    """
    for spec in specs.values():
        check_rows(spec.training.batch_size, n_processes)
    cases = [_case(spec, n_steps) for spec in specs.values()]
    on_gpus = torch.cuda.device_count() >= n_processes
    alone, together = (_launch(cases, n, on_gpus=on_gpus) for n in (1, n_processes))
    return [
        _compared(name, run, alone[0][i], [testimonies[i] for testimonies in together])
        for i, (name, (_, run)) in enumerate(zip(specs, cases, strict=True))
    ]


def describe_comparisons(comparisons: Sequence[Comparison]) -> str:
    """Return a table for people, and beneath it what differs."""
    header = ("model", "size", "processes", "steps", "rows", "loss differs by", "held-out by", "")
    rows = [header, *map(_row, comparisons)]
    told = [f"{c.name}: {difference}" for c in comparisons for difference in c.differences]
    return "\n".join([*aligned(rows), *told])


def _row(found: Comparison) -> tuple[str, ...]:
    return (
        found.name,
        found.size,
        f"1 and {found.n_processes} on {found.device}",
        f"{found.n_steps}",
        f"{found.n_rows}",
        f"{found.loss_distance:.1e}",
        f"{found.held_out_distance:.1e}",
        "DIFFERS" if found.differences else "ok",
    )


def _case(spec: SweepSpec, n_steps: int) -> tuple[SweepSpec, PlannedRun]:
    """Return the spec in fp32 and its smallest run cut to `n_steps` calm steps."""
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"precision": "fp32"})})
    run = plan_sweep(spec, probe(spec)).runs[0]
    calm = replace(
        run,
        lr=run.lr * CALM,
        n_steps=n_steps,
        warmup_steps=n_steps // 10,
        cooldown_steps=n_steps // 5,
        n_units=run.n_units // run.n_steps * n_steps,
    )
    return spec, calm


def _launch(
    cases: Sequence[tuple[SweepSpec, PlannedRun]], n_processes: int, *, on_gpus: bool
) -> list[list[Testimony]]:
    """Return what each process of a job of `n_processes` on this machine reports, case by case."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with tempfile.TemporaryDirectory(prefix="flops-fit-") as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=n_processes,
            run_id="flops-fit-selftest",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
        )
        try:
            by_rank = elastic_launch(config, testify)(cloudpickle.dumps(list(cases)), on_gpus)
        except ChildFailedError as error:
            raise _ended(error) from error
    return [by_rank[rank] for rank in range(n_processes)]


def _compared(name: str, run: PlannedRun, alone: Testimony, together: Sequence[Testimony]) -> Comparison:
    losses = [_distance(a, b) for a, b in zip(alone.losses, together[0].losses, strict=True)]
    before, after = (_distance(a, b) for a, b in zip(alone.held_out, together[0].held_out, strict=True))
    found = [
        *_row_differences(alone, together),
        *_too_far(losses, "the training loss"),
        *([f"the held-out loss of equal weights differs by {before:.1e}"] if before else []),
        *_too_far([after], "the held-out loss after the last step"),
    ]
    if any((part.losses, part.held_out) != (together[0].losses, together[0].held_out) for part in together):
        found.append("the processes disagree about a loss")
    return Comparison(
        name=name,
        size=run.size.name,
        n_processes=len(together),
        device=alone.device,
        n_steps=run.n_steps,
        n_rows=sum(map(len, chain.from_iterable(part.rows for part in together))),
        loss_distance=max(losses),
        held_out_distance=after,
        differences=tuple(found),
    )


def _row_differences(alone: Testimony, together: Sequence[Testimony]) -> list[str]:
    """Compare the rows of each global batch as multisets, and tell of the first that differs."""
    of_all = zip(*(part.rows for part in together), strict=True)
    for step, (wanted, shares) in enumerate(zip(alone.rows, of_all, strict=True)):
        one, several = Counter(wanted), Counter(chain.from_iterable(shares))
        if one != several:
            dropped, added = (one - several).total(), (several - one).total()
            return [f"step {step}: {dropped} rows of the global batch are dropped, {added} are not of it"]
    return []


def _too_far(distances: Sequence[float], what: str) -> list[str]:
    beyond = [step for step, distance in enumerate(distances) if not distance <= ALLOWED]
    if not beyond:
        return []
    at = f", first at step {beyond[0]}" if len(distances) > 1 else ""
    return [f"{what} differs by up to {max(distances):.1e}{at}; rounding explains {ALLOWED:g}"]


def _distance(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def _ended(error: Exception) -> TrainingError:
    return TrainingError(
        f"A process of the self-test ended before its last step: {error}",
        fix="mend what this names; `--debug` shows more",
        code="selftest-ended",
    )
