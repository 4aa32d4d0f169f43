"""The only training loop: one run from its seed to its held-out loss."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator

from flops_fit.components import Batch
from flops_fit.config.device import Precision
from flops_fit.config.spec import SweepSpec, TrainingSpec
from flops_fit.design.coverage import ON_TARGET
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.row import row_of
from flops_fit.engine.schedule import Schedule
from flops_fit.errors import DataError, TrainingError
from flops_fit.runs.record import RunRecord

CHECK_EVERY = 50
"""Steps between two looks at the device: a look waits for it, and only a diverged run needs one."""


def train_run(run: PlannedRun, spec: SweepSpec) -> RunRecord:
    """Train `run` from scratch and measure its held-out loss.

    Everything that is random follows from `run.seed`: the same run gives the same record (but for
    `wall_s`) in any process on the same kind of device. Whatever the model, the data or the loss raise
    passes through.

    Raises:
        TrainingError: `distributed`, launched on several processes.
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
    module: torch.nn.Module
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
    """Consumed so far, counted from the batches."""

    @property
    def diverged(self) -> bool:
        """Whether any loss so far was not finite; waits for the device."""
        return not math.isfinite(self.loss_sum.item())


def set_up(run: PlannedRun, spec: SweepSpec) -> Trainee:
    """Build the model, the optimiser and the batches of `run`, on the device that Accelerate names."""
    accelerator = Accelerator()
    if accelerator.num_processes > 1:
        raise TrainingError(
            f"This sweep was launched on {accelerator.num_processes} processes; a run trains on one.",
            fix="start it without `accelerate launch`; training.workers trains several runs side by side",
            code="distributed",
        )
    device, data = accelerator.device, spec.data.spec()
    module = spec.model.build(run.size, data).to(device).train()
    optimizer = _optimizer(spec.model.param_groups(module, run.lr, spec.training.weight_decay), spec.training)
    return Trainee(
        spec=spec,
        module=module,
        optimizer=optimizer,
        peak_lrs=tuple(group["lr"] for group in optimizer.param_groups),
        schedule=Schedule.of(run.n_steps, warmup=spec.training.warmup, cooldown=spec.training.cooldown),
        batches=spec.data.train_batches(run.batch_size, run.seed),
        units_per_sample=data.units_per_sample,
        device=device,
        precision=_autocast(run.precision, device),
        loss_sum=torch.zeros((), device=device),
    )


def take_steps(trainee: Trainee, n_steps: int) -> None:
    """Take `n_steps` optimiser steps without once waiting for the device."""
    module, optimizer, loss_function = trainee.module, trainee.optimizer, trainee.spec.loss
    clip = trainee.spec.training.grad_clip
    params = list(module.parameters()) if clip else []
    for _ in range(n_steps):
        batch = _next_batch(trainee)
        with trainee.precision:
            loss = loss_function(module(batch), batch)
        loss.backward()  # type: ignore[no-untyped-call]
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
        for batch in spec.data.eval_batches(spec.training.eval_batch_size):
            weights.append(_counted_units(batch, trainee.units_per_sample))
            moved = _on_device(batch, trainee.device)
            losses.append(spec.loss(trainee.module(moved), moved))
    if not sum(weights):
        raise DataError(
            f"No unit of the held-out set of data {spec.data.kind!r} counts towards the loss.",
            fix="let `eval_batches` yield at least one batch, with labels other than -100",
            code="empty-held-out-set",
        )
    # A batch without counted units has no mean loss, so it must not enter the sum even with weight 0.
    values = torch.stack(losses).tolist()
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True) if weight) / sum(
        weights
    )


def _optimizer(groups: list[dict[str, Any]], training: TrainingSpec) -> torch.optim.AdamW:
    try:
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0, fused=True)
    except RuntimeError:  # this device, or a parameter of this type, has no fused kernel
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0)


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of a forward pass.

    Not through Accelerate, which keeps one precision per process: two sweeps of one session may differ in it.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _next_batch(trainee: Trainee) -> Batch:
    batch = next(trainee.batches, None)
    if batch is None:
        raise DataError(
            f"Data {trainee.spec.data.kind!r} ended after {trainee.step} batches.",
            fix="let `train_batches` start the next epoch by itself: it must never end",
            code="batches-ended",
        )
    trainee.n_units += _rows(batch) * trainee.units_per_sample
    return _on_device(batch, trainee.device)


def _on_device(batch: Batch, device: torch.device) -> Batch:
    if device.type == "cpu":
        return batch
    return {name: _moved(tensor, device) for name, tensor in batch.items()}


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    if device.type == "cuda" and tensor.is_cpu:  # from pinned memory the copy does not wait for the device
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _counted_units(batch: Batch, units_per_sample: int) -> int:
    """Count the units that the mean loss of `batch` is a mean over: integer labels of -100 do not count."""
    labels = batch.get("labels")
    if labels is None or labels.is_floating_point():
        return _rows(batch) * units_per_sample
    return int((labels != -100).sum())


def _outcome(run: PlannedRun, trainee: Trainee, *, loss: float, wall_s: float) -> RunRecord:
    row = partial(row_of, run, n_units=trainee.n_units, n_steps=trainee.step, wall_s=wall_s)
    if not math.isfinite(loss):
        return row(status="diverged", reason=f"the loss was not finite by step {trainee.step}")
    return row(loss=loss, reason=_off_target(run.flops_per_unit * trainee.n_units, run))


def _off_target(flops: float, run: PlannedRun) -> str:
    miss = flops / run.budget - 1
    return f"FLOPs are off target by {miss:+.1%}: steps are whole" if abs(miss) > ON_TARGET else ""
