"""One trunk: steps that its runs share are taken once, and each run cools down from where it branches off."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flops_fit.config.spec import SweepSpec
from flops_fit.design.coverage import ON_TARGET
from flops_fit.design.grid import PlannedRun, Trunk
from flops_fit.engine.curve import curve_of
from flops_fit.engine.keeper import Keeper
from flops_fit.engine.loop import Evaluation, Trainee, advance, evaluate, set_up
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.row import row_of
from flops_fit.runs.curves import Curve
from flops_fit.runs.record import RunRecord

RISEN = 10.0
"""Times its first training loss at which a run that ends has diverged, though its loss be finite."""


def train_run(run: PlannedRun, spec: SweepSpec) -> RunRecord:
    """Train `run` alone, from scratch, and measure its held-out loss; see `train_trunk`."""
    return next(train_trunk((run,), spec))


def train_trunk(trunk: Trunk, spec: SweepSpec, checkpoints: Path | None = None) -> Iterator[RunRecord]:
    """Train runs that share their first steps, the shortest first, and yield the record of each as it ends.

    Everything that is random follows from the seed: the same run gives the same loss alone, in any trunk, in
    any process on the same kind of device, interrupted or not; on a CPU bit for bit. Whatever the model, the
    data or the loss raise passes through. Between two records the generators of this process are untouched.

    Args:
        trunk: The runs that are left of a trunk.
        spec: How they are trained.
        checkpoints: Directory of the states of trunks in flight: this one goes on from there, and saves its
            own.

    Raises:
        DataError: `batches-ended` or `empty-held-out-set`.
        StoreError: `checkpoint-not-written`.
        KeyboardInterrupt: this process was asked to end, and the state is saved.
    """
    keeper = Keeper(trunk, spec, checkpoints)
    trainee: Trainee | None = None
    for run in trunk:
        with reproducible(run.seed):
            if trainee is None:
                trainee = set_up(run, spec)
                keeper.resume(trainee)
            else:
                trainee.become(run)
                keeper.back_to_fork(trainee)
            if trainee.step <= run.branch_step:
                advance(trainee, run.branch_step, keeper)
                keeper.fork(trainee)
            advance(trainee, run.n_steps, keeper)
            held_out = None if trainee.diverged else evaluate(trainee, spec)
        yield _outcome(trainee, held_out)


def _outcome(trainee: Trainee, held_out: Evaluation | None) -> RunRecord:
    run, loss = trainee.run, math.nan if held_out is None else held_out.loss
    notes = (trainee.team.total(trainee.notes) / trainee.team.n).tolist()
    curve = curve_of(run, notes, loss)
    diverged = not math.isfinite(loss) or _has_risen(curve)
    record = row_of(
        run,
        n_units=trainee.n_units,
        n_units_executed=trainee.n_units_taken,
        n_steps=trainee.step,
        wall_s=time.perf_counter() - trainee.started,
        loss=None if diverged else loss,
        metrics={} if held_out is None or diverged else held_out.metrics,
        status="diverged" if diverged else "completed",
        reason=_why(loss, curve, trainee.step)
        if diverged
        else _off_target(run.flops_per_unit * trainee.n_units, run),
    )
    return replace(record, curve=curve)


def _has_risen(curve: Curve) -> bool:
    trained = _training(curve)
    return bool(trained) and trained[-1] > RISEN * trained[0]


def _why(loss: float, curve: Curve, step: int) -> str:
    if not math.isfinite(loss):
        return f"the loss was not finite by step {step}"
    first, *_, last = _training(curve)
    return f"the training loss rose from {first:.4g} to {last:.4g}"


def _training(curve: Curve) -> list[float]:
    return [point.loss for point in curve if point.kind == "train"]


def _off_target(flops: float, run: PlannedRun) -> str:
    miss = flops / run.budget - 1
    return f"FLOPs are off target by {miss:+.1%}: steps are whole" if abs(miss) > ON_TARGET else ""
