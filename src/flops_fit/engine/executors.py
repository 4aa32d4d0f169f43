"""Where trunks are trained: in this process, or in single-threaded processes side by side."""

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType

import cloudpickle

from flops_fit.config.device import process_state
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun, Trunk
from flops_fit.engine.job import this_job
from flops_fit.engine.row import failed_row
from flops_fit.errors import TrainingError
from flops_fit.runs.record import RunRecord

_MEND = "open files, locks and generators inside the methods that use them, or set training.workers: 1"

_LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""Variables by which a launcher tells a process that it is one of several."""


def execute(trunks: Sequence[Trunk], spec: SweepSpec, *, workers: int) -> Generator[RunRecord]:
    """Train `trunks`, started in the order given, and yield the record of each run as it ends.

    Where a trunk raises, or its process dies, the runs that it has not ended yield failed records with the
    reason. Closing the generator ends every process.
    """
    if workers == 1 or len(trunks) <= 1:
        return (record for trunk in trunks for record in attempt(trunk, spec))
    return _side_by_side(trunks, _sent(spec), min(workers, len(trunks)))


def count_workers(spec: SweepSpec) -> int:
    """Return how many processes train side by side.

    By default one per core on a CPU and one on a GPU; one where the spec cannot be sent to processes, and
    always one in a job of several processes, which train each run together.

    Raises:
        TrainingError: `spec-not-sendable`, several processes are asked for and cannot get the spec.
    """
    if this_job().n_processes > 1:
        return 1
    asked = spec.training.workers
    obstacle = _obstacle(spec) if asked != 1 else ""
    if asked is not None and asked > 1 and obstacle:
        raise TrainingError(
            f"training.workers = {asked}, but the spec cannot be sent to other processes: {obstacle}.",
            fix=_MEND,
            code="spec-not-sendable",
        )
    return asked or (1 if obstacle or _has_gpu() else _cores())


def attempt(trunk: Trunk, spec: SweepSpec) -> Iterator[RunRecord]:
    """Train `trunk` and yield one record per run, in order.

    Whatever it raises, on every process of the job, becomes the failed records of the runs that are left.
    """
    from flops_fit.engine.trunk import train_trunk

    records = train_trunk(trunk, spec)
    for i in range(len(trunk)):
        try:
            record = this_job().in_step(partial(next, records))
        except TrainingError:  # about the sweep, not about this trunk
            raise
        except Exception as error:  # noqa: BLE001 - user code may raise anything, and the sweep goes on
            yield from (failed_row(run, f"{type(error).__name__}: {error}") for run in trunk[i:])
            return
        yield record


def _obstacle(spec: SweepSpec) -> str:
    """Say why another process could not receive `spec`; empty if it can."""
    try:
        _sent(spec)
    except Exception as error:  # noqa: BLE001 - user classes may raise anything when pickled
        return f"{type(error).__name__}: {error}"
    return ""


def _sent(spec: SweepSpec) -> bytes:
    """Pickle `spec` for workers; what the user's script or notebook defines goes along by value.

    Workers do not run the script, and there it has no source: a run is named in the parent only.
    """
    content: bytes = cloudpickle.dumps(spec)
    return content


def _has_gpu() -> bool:
    return bool(process_state().device.type != "cpu")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- processes side by side


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A process that trains one trunk after another, and this end of the pipe to it."""

    process: SpawnProcess
    pipe: Connection
    left: list[PlannedRun] = field(default_factory=list)
    """The runs of its trunk that have not ended, in the order in which they will."""

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
            return [failed_row(run, _death(self.process.exitcode)) for run in lost]
        if isinstance(answer, TrainingError):
            raise answer
        del self.left[0]
        return [answer]

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _side_by_side(trunks: Sequence[Trunk], spec: bytes, n_workers: int) -> Generator[RunRecord]:
    waiting = list(reversed(trunks))
    hired = [_hire(spec) for _ in range(n_workers)]
    try:
        for worker in hired:
            worker.give(waiting.pop())
        while busy := {worker.pipe: worker for worker in hired if worker.left}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                records = worker.collect()
                if waiting and not worker.left:
                    if not worker.process.is_alive():
                        worker = _hire(spec)
                        hired.append(worker)
                    worker.give(waiting.pop())
                yield from records
    finally:
        for worker in hired:
            worker.end()


def _hire(spec: bytes) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, spec), name="flops-fit worker")
    with _main_hidden():
        process.start()
    theirs.close()  # the worker now holds the only copy, so its death is seen as the end of the pipe
    return _Worker(process=process, pipe=ours)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep a new process from running the user's script again, which would start the sweep again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _death(exit_code: int | None) -> str:
    if exit_code == -9:
        return "its process was killed (signal 9), most often because memory ran out"
    if exit_code is not None and exit_code < 0:
        return f"its process was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"its process ended by itself with exit status {exit_code}"


# ---- inside a worker


def _work(pipe: Connection, content: bytes) -> None:
    """Train what comes through the pipe until it is closed."""
    for name in _LAUNCHED:  # whatever our parent belongs to, we train alone
        os.environ.pop(name, None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        spec = pickle.loads(content)  # noqa: S301 - our parent wrote it a moment ago
    except Exception as error:  # noqa: BLE001 - user classes may raise anything when unpickled
        pipe.send(_unreadable(error))
        return
    import flops_fit.engine.trunk  # noqa: F401 - before the freeze, so that its objects are frozen too

    gc.freeze()  # what is alive now stays alive: a collection during training need not visit it
    with suppress(EOFError):
        while True:
            trunk = pipe.recv()
            try:
                for record in attempt(trunk, spec):
                    pipe.send(record)
            except TrainingError as error:
                pipe.send(error)


def _end_with_parent() -> None:
    """End this process when the parent is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _unreadable(error: Exception) -> TrainingError:
    return TrainingError(
        f"A worker process cannot load the spec: {type(error).__name__}: {error}",
        fix=_MEND,
        code="spec-not-sendable",
    )
