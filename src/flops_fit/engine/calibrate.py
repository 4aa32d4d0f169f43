"""Real steps of every size, in as many processes side by side as the sweep will use: they slow each other."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Self

import cloudpickle

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.memory import out_of_memory
from flops_fit.engine.processes import begin
from flops_fit.errors import FlopsFitError, TrainingError

if TYPE_CHECKING:
    from flops_fit.engine.stopwatch import Timing

PASSES = 2
"""Every process times every run twice, so that a machine that changes its pace is caught at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one process found in one pass over the runs."""

    start_up_s: float
    """From the wish for the process until it had taken a first step."""
    timings: tuple[Timing, ...]


def calibrate(runs: Sequence[PlannedRun], spec: SweepSpec, *, workers: int) -> tuple[Pass, ...]:
    """Time a few steps of each of `runs`, the largest first, `PASSES` times in each process.

    Raises:
        TrainingError: `out-of-memory`, or `calibration-failed` where a run raises.
    """
    if workers == 1:
        start_up_s = _ready(runs, spec)
        return tuple(
            Pass(start_up_s=start_up_s, timings=_timed(order, spec)) for order in _orders(runs, turn=0)
        )
    hired = [_Worker.hire(spec) for _ in range(workers)]
    try:
        for place, worker in enumerate(hired):
            worker.pipe.send(list(_orders(runs, turn=place * len(runs) // workers)))
        started = [worker.ready() for worker in hired]
        for worker in hired:
            worker.pipe.send("all are ready")
        return tuple(
            Pass(start_up_s=start_up_s, timings=timings)
            for worker, start_up_s in zip(hired, started, strict=True)
            for timings in worker.answer(runs[0])
        )
    finally:
        for worker in hired:
            worker.end()


def _orders(runs: Sequence[PlannedRun], *, turn: int) -> Iterator[list[PlannedRun]]:
    """Yield the order of each pass: the first run first, so that all processes hold it at the same time.

    From then on each is at another run than its neighbours, as in a sweep.
    """
    first, rest = runs[0], runs[1:]
    order = [first, *rest[turn:], *rest[:turn]]
    for i in range(PASSES):
        yield order[:: -1 if i % 2 else 1]


def _ready(runs: Sequence[PlannedRun], spec: SweepSpec) -> float:
    from flops_fit.engine.stopwatch import seconds_until_ready

    smallest = min(runs, key=lambda run: run.size.n_params)
    with _told(smallest):
        return seconds_until_ready(smallest, spec)


def _timed(runs: Sequence[PlannedRun], spec: SweepSpec) -> tuple[Timing, ...]:
    from flops_fit.engine.stopwatch import time_run

    timings: list[Timing] = []
    for run in runs:
        with _told(run):
            timings.append(time_run(run, spec))
    return tuple(timings)


@contextmanager
def _told(run: PlannedRun) -> Iterator[None]:
    """Turn what a run raises into an error that names it."""
    try:
        yield
    except FlopsFitError:
        raise
    except Exception as error:
        raise _failed(run, error) from error


def _failed(run: PlannedRun, error: Exception) -> TrainingError:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said:
        return out_of_memory(f"{run.size.name} cannot take a step ({said})")
    return TrainingError(
        f"{run.size.name} raised within its first steps: {said}",
        fix="mend what the message names; `flops-fit check` tries the smallest size only",
        code="calibration-failed",
    )


# ---- processes side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    """A process that times runs, and this end of the pipe to it."""

    process: BaseProcess
    pipe: Connection
    wished: float
    """When it was asked for."""

    @classmethod
    def hire(cls, spec: SweepSpec) -> Self:
        wished = time.perf_counter()
        process, pipe = begin(_work, cloudpickle.dumps(spec))
        return cls(process=process, pipe=pipe, wished=wished)

    def ready(self) -> float:
        """Wait until it has taken a first step; return the seconds since it was asked for."""
        self._receive("before its first step")
        return time.perf_counter() - self.wished

    def answer(self, largest: PlannedRun) -> list[tuple[Timing, ...]]:
        """Return what it found in each pass."""
        found: list[tuple[Timing, ...]] = self._receive(f"at {largest.size.name} or another size")
        return found

    def _receive(self, when: str) -> Any:
        try:
            found = self.pipe.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            raise out_of_memory(f"A process ended {when} (exit status {self.process.exitcode})") from error
        if isinstance(found, FlopsFitError):
            raise found
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _work(pipe: Connection, content: bytes) -> None:
    """Say when this process has taken a first step, then time what came through the pipe."""
    spec = pickle.loads(content)  # noqa: S301 - our parent wrote it a moment ago
    orders = pipe.recv()
    try:
        _ready(orders[0], spec)
        pipe.send("ready")
        pipe.recv()
        pipe.send([_timed(order, spec) for order in orders])
    except FlopsFitError as error:
        pipe.send(error)
