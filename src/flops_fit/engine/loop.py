"""The only training loop: one run from its seed to its held-out loss."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from flops_fit.components import Batch
from flops_fit.config.device import Precision, process_state
from flops_fit.config.spec import SweepSpec, TrainingSpec
from flops_fit.design.coverage import ON_TARGET
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.batches import counted_units, n_rows, on_device
from flops_fit.engine.parallel import Team
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.row import row_of
from flops_fit.engine.schedule import Schedule
from flops_fit.errors import DataError
from flops_fit.runs.record import RunRecord

CHECK_EVERY = 50
"""Steps between two looks at the device: a look waits for it, and only a diverged run needs one."""


def train_run(run: PlannedRun, spec: SweepSpec) -> RunRecord:
    """Train `run` from scratch and measure its held-out loss.

    Everything that is random follows from `run.seed`: the same run gives the same record (but for
    `wall_s`) in any process on the same kind of device. Whatever the model, the data or the loss raise
    passes through.

    Raises:
        DataError: `batches-ended` or `empty-held-out-set`.
    """
    started = time.perf_counter()
    with reproducible(run.seed):
        trainee = set_up(run, spec)
        while trainee.step < run.n_steps and not trainee.diverged:
            take_steps(trainee, min(CHECK_EVERY, run.n_steps - trainee.step))
        loss = math.nan if trainee.diverged else evaluate(trainee, spec)
    return _outcome(run, trainee, loss=loss, wall_s=time.perf_counter() - started)


@dataclass(slots=True, kw_only=True)
class Trainee:
    """The live state of one run."""

    spec: SweepSpec
    team: Team
    module: torch.nn.Module
    forward: Callable[[Batch], Any]
    """The module, or what averages its gradients over the team."""
    backward: Callable[[torch.Tensor], None]
    optimizer: torch.optim.Optimizer
    peak_lrs: tuple[float, ...]
    """Of each parameter group of the optimizer."""
    schedule: Schedule
    batches: Iterator[Batch]
    units_per_sample: int
    device: torch.device
    precision: AbstractContextManager[Any]
    loss_sum: torch.Tensor
    """Of all steps so far, on the device; not finite once any loss was not."""
    step: int = 0
    n_units: int = 0
    """Consumed so far by the whole team, counted from the batches."""

    @property
    def diverged(self) -> bool:
        """Whether any loss so far was not finite on any process; waits for the device."""
        return not math.isfinite(self.team.total(self.loss_sum).item())


def set_up(run: PlannedRun, spec: SweepSpec, team: Team | None = None) -> Trainee:
    """Build the model, the optimiser and the batches of `run`, on the device that Accelerate names.

    `team` are the processes that train it, by default those of this job.
    """
    team = team or Team.of_this_job()
    device, data = process_state().device, spec.data.spec()
    module = team.synchronised(spec.model.build(run.size, data)).to(device).train()
    optimizer = _optimizer(spec.model.param_groups(module, run.lr, spec.training.weight_decay), spec.training)
    peak_lrs = tuple(group["lr"] for group in optimizer.param_groups)
    forward, backward, optimizer = team.prepare(module, optimizer)
    return Trainee(
        spec=spec,
        team=team,
        module=module,
        forward=forward,
        backward=backward,
        optimizer=optimizer,
        peak_lrs=peak_lrs,
        schedule=Schedule.of(run.n_steps, warmup=spec.training.warmup, cooldown=spec.training.cooldown),
        batches=spec.data.train_batches(run.batch_size, run.seed),
        units_per_sample=data.units_per_sample,
        device=device,
        precision=_autocast(run.precision, device),
        loss_sum=torch.zeros((), device=device),
    )


def take_steps(trainee: Trainee, n_steps: int) -> None:
    """Take `n_steps` optimiser steps without once waiting for the device."""
    forward, optimizer, loss_function = trainee.forward, trainee.optimizer, trainee.spec.loss
    clip = trainee.spec.training.grad_clip
    params = list(trainee.module.parameters()) if clip else []
    for _ in range(n_steps):
        batch, weight = _next_batch(trainee)
        with trainee.precision:
            loss = loss_function(forward(batch), batch)
        if weight != 1.0:
            loss = loss * weight
        trainee.backward(loss)
        if clip:
            torch.nn.utils.clip_grad_norm_(params, clip)
        factor = trainee.schedule.factor(trainee.step)
        for group, peak_lr in zip(optimizer.param_groups, trainee.peak_lrs, strict=True):
            group["lr"] = peak_lr * factor
        optimizer.step()
        optimizer.zero_grad()
        trainee.loss_sum += loss.detach()
        trainee.step += 1


def evaluate(trainee: Trainee, spec: SweepSpec) -> float:
    """Return the mean loss over the held-out set, nats per unit, every unit weighing the same."""
    trainee.module.eval()
    losses, weights = [], []
    with torch.no_grad(), trainee.precision:
        for i, batch in enumerate(spec.data.eval_batches(spec.training.eval_batch_size)):
            weights.append(counted_units(batch, trainee.units_per_sample))
            owned = trainee.team.owns(i)
            losses.append(_loss(trainee, batch) if owned else torch.zeros((), device=trainee.device))
    if not sum(weights):
        raise DataError(
            f"No unit of the held-out set of data {spec.data.label!r} counts towards the loss.",
            fix="let `eval_batches` yield at least one batch, with labels other than -100",
            code="empty-held-out-set",
        )
    # A batch without counted units has no mean loss, so it must not enter the sum even with weight 0.
    values = trainee.team.total(torch.stack(losses)).tolist()
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True) if weight) / sum(
        weights
    )


def _optimizer(groups: list[dict[str, Any]], training: TrainingSpec) -> torch.optim.Optimizer:
    try:
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0, fused=True)
    except RuntimeError:  # this device, or a parameter of this type, has no fused kernel
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0)


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of a forward pass.

    Not through Accelerate, which keeps one precision per process: two sweeps of one session may differ in it.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _loss(trainee: Trainee, batch: Batch) -> torch.Tensor:
    moved = on_device(batch, trainee.device)
    return trainee.spec.loss(trainee.module(moved), moved)


def _next_batch(trainee: Trainee) -> tuple[Batch, float]:
    """Return this process's rows of the next batch, and the weight of their loss."""
    batch = next(trainee.batches, None)
    if batch is None:
        raise DataError(
            f"Data {trainee.spec.data.label!r} ended after {trainee.step} batches.",
            fix="let `train_batches` start the next epoch by itself: it must never end",
            code="batches-ended",
        )
    trainee.n_units += n_rows(batch) * trainee.units_per_sample
    own, weight = trainee.team.share(batch)
    return on_device(own, trainee.device), weight


def _outcome(run: PlannedRun, trainee: Trainee, *, loss: float, wall_s: float) -> RunRecord:
    row = partial(row_of, run, n_units=trainee.n_units, n_steps=trainee.step, wall_s=wall_s)
    if not math.isfinite(loss):
        return row(status="diverged", reason=f"the loss was not finite by step {trainee.step}")
    return row(loss=loss, reason=_off_target(run.flops_per_unit * trainee.n_units, run))


def _off_target(flops: float, run: PlannedRun) -> str:
    miss = flops / run.budget - 1
    return f"FLOPs are off target by {miss:+.1%}: steps are whole" if abs(miss) > ON_TARGET else ""
