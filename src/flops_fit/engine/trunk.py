"""One trunk: steps that its runs share are taken once, and each run cools down from where it branches off."""

import math
import time
from collections.abc import Iterator, Sequence

from flops_fit.config.spec import SweepSpec
from flops_fit.design.coverage import ON_TARGET
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.loop import Trainee, advance, evaluate, set_up
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.row import row_of
from flops_fit.engine.state import State
from flops_fit.runs.record import RunRecord


def train_run(run: PlannedRun, spec: SweepSpec) -> RunRecord:
    """Train `run` alone, from scratch, and measure its held-out loss; see `train_trunk`."""
    return next(train_trunk([run], spec))


def train_trunk(branches: Sequence[PlannedRun], spec: SweepSpec) -> Iterator[RunRecord]:
    """Train runs that share their first steps, the shortest first, and yield the record of each as it ends.

    Everything that is random follows from the seed: the same run gives the same loss alone, in any trunk, in
    any process on the same kind of device; on a CPU bit for bit. Whatever the model, the data or the loss
    raise passes through. Between two records the generators of this process are as they were found.

    Raises:
        DataError: `batches-ended` or `empty-held-out-set`.
    """
    trainee: Trainee | None = None
    fork: State | None = None
    for run in branches:
        started = time.perf_counter()
        with reproducible(run.seed):
            if trainee is None:
                trainee = set_up(run, spec)
            elif fork is not None:
                fork.put_back(trainee)
                fork = None  # a copy of the whole state is held no longer than the cooldown lasts
            trainee.become(run)
            advance(trainee, run.branch_step)
            fork = _fork(trainee, is_last=run is branches[-1])
            advance(trainee, run.n_steps)
            loss = math.nan if trainee.diverged else evaluate(trainee, spec)
        yield _outcome(trainee, loss=loss, wall_s=time.perf_counter() - started)


def _fork(trainee: Trainee, *, is_last: bool) -> State | None:
    """Return where the next run goes on; None if there is none, or if the trunk itself has diverged."""
    return None if is_last or trainee.diverged else State.of(trainee)


def _outcome(trainee: Trainee, *, loss: float, wall_s: float) -> RunRecord:
    """Return the record of the run that has ended, and begin to count for the next."""
    run, n_units_taken, trainee.n_units_taken = trainee.run, trainee.n_units_taken, 0
    diverged = not math.isfinite(loss)
    return row_of(
        run,
        n_units=trainee.n_units,
        n_units_executed=n_units_taken,
        n_steps=trainee.step,
        wall_s=wall_s,
        loss=None if diverged else loss,
        status="diverged" if diverged else "completed",
        reason=f"the loss was not finite by step {trainee.step}"
        if diverged
        else _off_target(run.flops_per_unit * trainee.n_units, run),
    )


def _off_target(flops: float, run: PlannedRun) -> str:
    miss = flops / run.budget - 1
    return f"FLOPs are off target by {miss:+.1%}: steps are whole" if abs(miss) > ON_TARGET else ""
