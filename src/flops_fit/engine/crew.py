"""Workers: single-threaded processes that train side by side, and the parent that gives them trunks."""

from __future__ import annotations

import gc
import math
import pickle
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from flops_fit.design.grid import PlannedRun, Trunk
from flops_fit.engine import interrupt
from flops_fit.engine.attempt import attempt
from flops_fit.engine.processes import begin
from flops_fit.engine.row import failed_row
from flops_fit.errors import FlopsFitError, StoreError, TrainingError
from flops_fit.runs.record import RunRecord

MEND = "open files, locks and generators inside the methods that use them, or set training.workers: 1"
"""What to do about a spec that other processes cannot load."""

LOOK_S = 0.5
"""How often the parent looks whether it was asked to end."""

GRACE_S = 60.0
"""How long workers may take to finish their step and save their state."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What every worker is told once."""

    spec: bytes
    """Pickled."""
    checkpoints: Path | None
    """Directory of the states of trunks in flight."""


class Crew:
    """Workers, and the trunks that wait for one of them."""

    def __init__(self, trunks: Sequence[Trunk], orders: Orders, n_workers: int) -> None:
        self._waiting = list(reversed(trunks))
        self._orders, self._n_workers = orders, n_workers
        self._hired: list[_Worker] = []
        self._deadline = math.inf
        """When the last worker must have ended, once they were asked to."""

    def records(self) -> Generator[RunRecord]:
        """Yield the record of each run as it ends; closing this ends every worker.

        Raises:
            KeyboardInterrupt: this process or a worker was asked to end; what was in flight is saved.
            FlopsFitError: a worker met something that concerns the whole sweep.
        """
        try:
            for _ in range(self._n_workers):
                self._hire().give(self._waiting.pop())
            while (busy := self._busy()) and time.monotonic() < self._deadline:
                for pipe in wait(list(busy), timeout=LOOK_S):
                    yield from self._answer_of(busy[pipe])  # type: ignore[index]
                self._heed()
            if self._deadline < math.inf:
                raise KeyboardInterrupt
        finally:
            for worker in self._hired:
                worker.end()

    def _busy(self) -> dict[Connection, _Worker]:
        return {worker.pipe: worker for worker in self._hired if worker.left}

    def _answer_of(self, worker: _Worker) -> list[RunRecord]:
        """Return what a worker came to, and give it, or one in its place, the next trunk."""
        records = worker.collect()
        if not worker.left and self._waiting and not worker.was_interrupted:
            heir = worker if worker.process.is_alive() else self._hire()
            heir.give(self._waiting.pop())
        return records

    def _heed(self) -> None:
        """Ask all workers to end if this process, or one of them, was asked to."""
        asked = interrupt.is_wished() or any(worker.was_interrupted for worker in self._hired)
        if asked and self._deadline == math.inf:
            self._waiting.clear()
            self._deadline = time.monotonic() + GRACE_S
            for worker in self._hired:
                worker.process.terminate()

    def _hire(self) -> _Worker:
        process, pipe = begin(_work, self._orders)
        self._hired.append(worker := _Worker(process=process, pipe=pipe))
        return worker


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A process that trains one trunk after another, and this end of the pipe to it."""

    process: BaseProcess
    pipe: Connection
    left: list[PlannedRun] = field(default_factory=list)
    """The runs of its trunk that have not ended, in the order in which they will."""
    was_interrupted: bool = False
    """Whether it has ended because it was asked to."""

    def give(self, trunk: Trunk) -> None:
        self.left = list(trunk)
        with suppress(OSError):  # it has died, and `collect` will find its end of the pipe closed
            self.pipe.send(trunk)

    def collect(self) -> list[RunRecord]:
        """Return the record of the run that has ended; failed ones for all that are left if it has died."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            lost, self.left = self.left, []
            self.was_interrupted = self.process.exitcode == interrupt.STATUS or interrupt.is_wished()
            reason = _death(self.process.exitcode)
            return [] if self.was_interrupted else [failed_row(run, reason) for run in lost]
        if isinstance(answer, FlopsFitError):
            raise answer
        del self.left[0]
        return [answer]

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _death(exit_code: int | None) -> str:
    if exit_code == -9:
        return "its process was killed (signal 9), most often because memory ran out"
    if exit_code is not None and exit_code < 0:
        return f"its process was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"its process ended by itself with exit status {exit_code}"


# ---- inside a worker


def _work(pipe: Connection, orders: Orders) -> None:
    """Train what comes through the pipe until it is closed."""
    interrupt.heed_in_worker()
    try:
        spec = pickle.loads(orders.spec)  # noqa: S301 - our parent wrote it a moment ago
    except Exception as error:  # noqa: BLE001 - user classes may raise anything when unpickled
        pipe.send(_unreadable(error))
        return
    import flops_fit.engine.trunk  # noqa: F401 - before the freeze, so that its objects are frozen too

    gc.freeze()  # what is alive now stays alive: a collection during training need not visit it
    with suppress(EOFError):
        while True:
            trunk = pipe.recv()
            try:
                for record in attempt(trunk, spec, orders.checkpoints):
                    pipe.send(record)
            except (TrainingError, StoreError) as error:
                pipe.send(error)
            except KeyboardInterrupt:  # the state is saved
                sys.exit(interrupt.STATUS)


def _unreadable(error: Exception) -> TrainingError:
    return TrainingError(
        f"A worker process cannot load the spec: {type(error).__name__}: {error}",
        fix=MEND,
        code="spec-not-sendable",
    )
