"""The only training loop: its steps, and the held-out loss at their end."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from flops_fit.components import Batch, BatchSource
from flops_fit.config.device import Precision, process_state
from flops_fit.config.spec import SweepSpec
from flops_fit.config.training import TrainingSpec
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.batches import counted_units, n_rows, on_device
from flops_fit.engine.curve import N_SLOTS, held_out_slots, train_slots
from flops_fit.engine.parallel import Team
from flops_fit.engine.reproducible import Generators
from flops_fit.engine.schedule import Schedule
from flops_fit.engine.step import CudaGraphs, Eager, Recorded, Step, Update
from flops_fit.errors import DataError

CHECK_EVERY = 50
"""Steps between two looks at the device: a look waits for it, and only a diverged run needs one."""


@dataclass(slots=True, kw_only=True)
class Trainee:
    """The live state of one run."""

    run: PlannedRun
    spec: SweepSpec
    team: Team
    module: torch.nn.Module
    optimizer: torch.optim.Optimizer
    stepper: Step
    schedule: Schedule
    data: BatchSource
    """The data of the spec, or what yields the same batches on the device."""
    batches: Iterator[Batch]
    units_per_sample: int
    device: torch.device
    precision: AbstractContextManager[Any]
    loss_sum: torch.Tensor
    """Of all steps so far, on the device; not finite once any loss was not."""
    notes: torch.Tensor
    """What becomes the curve of the run (`curve.py`), on the device."""
    step: int = 0
    n_units: int = 0
    """Consumed by the whole team in steps 0 to `step`, counted from the batches."""
    n_units_taken: int = 0
    """Executed for the present run, beyond what was executed for the run before it in the trunk."""
    started: float = field(default_factory=time.perf_counter)
    """When the present run began."""

    @property
    def diverged(self) -> bool:
        """Whether any loss so far was not finite on any process; waits for the device."""
        return not math.isfinite(self.team.total(self.loss_sum).item())

    def become(self, run: PlannedRun) -> None:
        """Go on as another run of the same trunk."""
        self.run, self.schedule = run, Schedule.of(run, self.spec.training)
        self.n_units_taken, self.started = 0, time.perf_counter()

    def reopen_batches(self) -> None:
        """Go on with the batch of the present step."""
        self.batches = self.data.train_batches(self.run.batch_size, self.run.seed, self.step)


def set_up(run: PlannedRun, spec: SweepSpec, team: Team | None = None) -> Trainee:
    """Build the model, the optimiser and the batches of `run`, on the device that Accelerate names.

    `team` are the processes that train it, by default those of this job.
    """
    team = team or Team.of_this_job()
    device, described = process_state().device, spec.data.spec()
    module = team.synchronised(spec.model.build(run.size, described)).to(device).train()
    optimizer = _optimizer(spec.model.param_groups(module, run.lr, spec.training.weight_decay), spec.training)
    forward, backward, optimizer = team.prepare(module, optimizer)
    data = spec.data.resident(device) if device.type == "cuda" and team.n == 1 else spec.data
    update = Update(
        forward=forward,
        backward=backward,
        loss=spec.loss,
        optimizer=optimizer,
        precision=_autocast(run.precision, device),
        clipped=tuple(module.parameters()) if spec.training.grad_clip else (),
        grad_clip=spec.training.grad_clip or math.inf,
        loss_sum=torch.zeros((), device=device, dtype=_widest(device)),
    )
    return Trainee(
        run=run,
        spec=spec,
        team=team,
        module=module,
        optimizer=optimizer,
        stepper=_stepper(update, team, spec.training),
        schedule=Schedule.of(run, spec.training),
        data=data,
        batches=data.train_batches(run.batch_size, run.seed),
        units_per_sample=described.units_per_sample,
        device=device,
        precision=update.precision,
        loss_sum=update.loss_sum,
        notes=torch.full((N_SLOTS,), math.inf, device=device, dtype=_widest(device)),
    )


class Attendant(Protocol):
    """What is done between steps."""

    def due(self) -> bool:
        """Whether there is anything to do after this step; asked after each one."""
        ...

    def attend(self, trainee: Trainee) -> None:
        """Do it; called when it is due, and whenever the device is looked at."""
        ...


def advance(trainee: Trainee, step: int, attendant: Attendant | None = None) -> None:
    """Train up to `step`, or until a look at the device finds that the run has diverged."""
    # Processes of a job must stop after the same step: they ask each other when they look at their devices.
    due = attendant.due if attendant and trainee.team.n == 1 else _never
    train, held_out = train_slots(trainee.run), held_out_slots(trainee.run)
    while trainee.step < step and not trainee.diverged:
        goal = min(trainee.step + CHECK_EVERY, step)
        for stop in [*(noted for noted in train if trainee.step < noted < goal), goal]:
            take_steps(trainee, stop - trainee.step, due)
            if trainee.step < stop:
                break
            if stop in train:
                trainee.notes[train[stop]] = trainee.loss_sum
            if stop in held_out:
                trainee.notes[held_out[stop]] = _evaluate_on_the_way(trainee)
            if due():
                break
        if attendant:
            attendant.attend(trainee)


def _never() -> bool:
    return False


def take_steps(trainee: Trainee, n_steps: int, due: Callable[[], bool] = _never) -> None:
    """Take `n_steps` optimiser steps, or as many until `due`, without once waiting for the device."""
    for _ in range(n_steps):
        batch, weight = _next_batch(trainee)
        trainee.stepper.take(batch, weight, trainee.schedule.factor(trainee.step))
        trainee.step += 1
        if due():
            break


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Means over the held-out set, every unit weighing the same."""

    loss: float
    """Nats per unit."""
    metrics: Mapping[str, float]


def evaluate(trainee: Trainee, spec: SweepSpec) -> Evaluation:
    """Return the loss over the held-out set, and what else the loss function measures there."""
    trainee.module.eval()
    names: tuple[str, ...] = ()
    rows, weights = [], []
    with torch.no_grad(), trainee.precision:
        for i, batch in enumerate(trainee.data.eval_batches(spec.training.eval_batch_size)):
            weights.append(counted_units(batch, trainee.units_per_sample))
            if trainee.team.owns(i) or i == 0:  # from the first batch every process learns the names
                loss, metrics = _measure(trainee, batch)
                names = names or tuple(metrics)
                row = torch.stack([loss, *(metrics[name] for name in names)]).to(trainee.notes)
            rows.append(row if trainee.team.owns(i) else torch.zeros_like(row))
    if not sum(weights):
        raise DataError(
            f"No unit of the held-out set of data {spec.data.label!r} counts towards the loss.",
            fix="let `eval_batches` yield at least one batch, with labels other than -100",
            code="empty-held-out-set",
        )
    # A batch without counted units has no mean loss, so it must not enter the sum even with weight 0.
    values = trainee.team.total(torch.stack(rows)).tolist()
    counted = [(row, weight) for row, weight in zip(values, weights, strict=True) if weight]
    means = [
        math.fsum(row[column] * weight for row, weight in counted) / sum(weights)
        for column in range(1 + len(names))
    ]
    return Evaluation(loss=means[0], metrics=dict(zip(names, means[1:], strict=True)))


def _evaluate_on_the_way(trainee: Trainee) -> float:
    """Return the held-out loss; the run goes on as if nobody had asked."""
    generators = Generators.now()
    loss = evaluate(trainee, trainee.spec).loss
    generators.put_back()
    trainee.module.train()
    return loss


def _widest(device: torch.device) -> torch.dtype:
    """Return the type that sums of many losses keep their digits in, as far as the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def _optimizer(groups: list[dict[str, Any]], training: TrainingSpec) -> torch.optim.Optimizer:
    try:
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0, fused=True)
    except RuntimeError:  # this device, or a parameter of this type, has no fused kernel
        return torch.optim.AdamW(groups, betas=training.betas, eps=training.eps, weight_decay=0.0)


def _stepper(update: Update, team: Team, training: TrainingSpec) -> Step:
    """Return how steps are taken: one by one, or recorded where one process trains on a GPU by itself."""
    is_alone = update.loss_sum.is_cuda and team.accelerator is None
    is_recorded = is_alone and training.cuda_graph and update.optimizer.defaults["fused"]
    return Recorded(Eager(update), CudaGraphs()) if is_recorded else Eager(update)


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of a forward pass.

    Not through Accelerate, which keeps one precision per process: two sweeps of one session may differ in it.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _measure(trainee: Trainee, batch: Batch) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    moved, loss_function = on_device(batch, trainee.device), trainee.spec.loss
    outputs = trainee.module(moved)
    return loss_function.evaluate(outputs, moved), loss_function.metrics(outputs, moved)


def _next_batch(trainee: Trainee) -> tuple[Batch, float]:
    """Return this process's rows of the next batch, and the weight of their loss."""
    batch = next(trainee.batches, None)
    if batch is None:
        raise DataError(
            f"Data {trainee.spec.data.label!r} ended after {trainee.step} batches.",
            fix="let `train_batches` start the next epoch by itself: it must never end",
            code="batches-ended",
        )
    n_units = n_rows(batch) * trainee.units_per_sample
    trainee.n_units += n_units
    trainee.n_units_taken += n_units
    own, weight = trainee.team.share(batch)
    return on_device(own, trainee.device), weight
