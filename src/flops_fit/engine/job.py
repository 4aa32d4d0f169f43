"""The job that this process belongs to: itself alone, or several processes that train each run together.

The processes of a job run one program, each the whole of it. What touches files is done by the main process,
and its answer or its error reaches all (`on_main`). A run that raises on every process is a failed run. One
that raises on some leaves the others waiting for gradients that never come, so the job ends: the process that
raised waits `PATIENCE_S` for company, tells what it raised and exits, and the launcher ends the others.
"""

from __future__ import annotations

import math
import os
import pickle
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flops_fit.config.device import process_state
from flops_fit.config.spec import SweepSpec
from flops_fit.errors import TrainingError
from flops_fit.runs.audit import Audit
from flops_fit.runs.record import RunRecord
from flops_fit.runs.store import RunStore

if TYPE_CHECKING:
    from accelerate import Accelerator, PartialState

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a process whose run has ended waits for the others; they take the same steps at the same time."""


@cache
def this_job() -> Job:
    """Return the job of this process; under a launcher, the first call waits for the other processes."""
    return Job(process_state())


def check_launch(spec: SweepSpec) -> None:
    """Refuse a job whose processes cannot share the batches of `spec`.

    Raises:
        TrainingError: `unsupported-launch` or `batch-not-divisible`.
    """
    job, launched = this_job(), int(os.environ.get("WORLD_SIZE", "1"))
    if launched > job.n_processes:
        raise _unsupported(f"{launched} processes were launched, but Accelerate has not connected them.")
    kind = job.accelerator().distributed_type.value if job.n_processes > 1 else "MULTI_"
    if not kind.startswith("MULTI_"):
        raise _unsupported(f"The job was launched for {kind}, but runs are trained by data parallelism only.")
    check_rows(spec.training.batch_size, job.n_processes)


def check_rows(rows: int, n_processes: int) -> None:
    """Refuse a global batch of which the processes cannot have equal parts.

    Raises:
        TrainingError: `batch-not-divisible`.
    """
    if rows % n_processes:
        lower = max(rows - rows % n_processes, n_processes)
        raise TrainingError(
            f"training.batch_size = {rows} rows cannot be shared out evenly to {n_processes} processes.",
            fix=f"write `batch_size: {lower}`, or launch a number of processes that divides {rows}",
            code="batch-not-divisible",
        )


class Job:
    """Several processes, or one, and how they agree."""

    def __init__(self, state: PartialState) -> None:
        self.n_processes: int = state.num_processes
        self.rank: int = state.process_index
        self._first_on_machine: bool = state.is_local_main_process
        self._in_touch = True
        self._meetings = count()
        self._store: Any = _key_value_store() if self.n_processes > 1 else None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def accelerator(self) -> Accelerator:
        """Return an Accelerator for one run; precision and batches follow the spec, not the launcher."""
        from accelerate import Accelerator
        from accelerate.utils import GradientAccumulationPlugin

        return Accelerator(
            mixed_precision="no", gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1)
        )

    def on_main(self, action: Callable[[], T]) -> T:
        """Run `action` on the main process; return its value, or raise its error, on every process."""
        if self.n_processes == 1:
            return action()
        key = f"flops-fit/{next(self._meetings)}"
        if self.is_main:
            answer = _answer(action)
            self._store.set(key, pickle.dumps(answer))
        else:
            self._wait_for([key])
            answer = pickle.loads(self._store.get(key))  # noqa: S301 - our main process wrote it a moment ago
        value: T = answer.open()
        return value

    def elsewhere(self, action: Callable[[], None]) -> None:
        """Run `action` on every process but the main one, first on one of each machine, then on the rest."""
        for first in (True, False) if self.n_processes > 1 else ():
            if not self.is_main and self._first_on_machine == first:
                action()
            self._wait_for(self._announce(""))

    def in_step(self, action: Callable[[], T]) -> T:
        """Run `action`, which needs every process; return its value or raise its error if all of them do.

        Raises:
            TrainingError: `out-of-step`, it raised on some processes only.
        """
        if self.n_processes == 1:
            return action()
        try:
            value = action()
        except Exception as error:
            self._agree(error)
            raise
        self._agree(None)
        return value

    def all_arrive(self) -> bool:
        """Wait for the other processes to come here as well; False if some do not within `PATIENCE_S`."""
        if self.n_processes > 1:
            keys = self._announce("")
            self._in_touch = self._in_touch and self._wait_for(keys, PATIENCE_S)
        return self._in_touch

    def _agree(self, error: Exception | None) -> None:
        """Return if every process has come to the same end."""
        mine = "" if error is None else f"{type(error).__name__}: {error}"
        keys = self._announce(mine)
        self._in_touch = self._in_touch and self._wait_for(keys, PATIENCE_S)
        heard = keys if self._in_touch else [keys[self.rank]]
        ends = {key: self._store.get(key).decode() for key in heard}
        if not self._in_touch or len({end.partition(":")[0] for end in ends.values()}) > 1:
            raise _out_of_step(ends) from error

    def _announce(self, word: str) -> list[str]:
        """Leave a word for the others; return where each process leaves its own."""
        meeting = next(self._meetings)
        keys = [f"flops-fit/{meeting}/{rank}" for rank in range(self.n_processes)]
        self._store.set(keys[self.rank], word)
        return keys

    def _wait_for(self, keys: list[str], patience_s: float = math.inf) -> bool:
        """Wait until all `keys` are set, or patience ends; in small sleeps, so that Ctrl-C gets through."""
        deadline, pause = time.monotonic() + patience_s, 0.001
        while not self._store.check(keys):
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.25)
        return True


class SharedStore(RunStore):
    """The main process's RunStore as every process of the job sees it: the same answers, the same errors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        this_job().on_main(partial(RunStore.__init__, self, path))

    def add(self, record: RunRecord) -> None:
        """Commit the main process's record of a run."""
        this_job().on_main(partial(super().add, record))

    def adopt(self, run_ids: Collection[str], plan_id: str) -> None:
        """Count finished rows as part of a plan that holds the very same runs."""
        this_job().on_main(partial(super().adopt, run_ids, plan_id))

    def read(self, run_ids: Collection[str] | None = None) -> tuple[RunRecord, ...]:
        """Return the runs named, or all, as the main process reads them."""
        return this_job().on_main(partial(super().read, run_ids))

    def add_audit(self, audit: Audit) -> None:
        """Commit the main process's audit of a run."""
        this_job().on_main(partial(super().add_audit, audit))

    def audits(self) -> tuple[Audit, ...]:
        """Return the audits as the main process reads them."""
        return this_job().on_main(super().audits)

    def close(self) -> None:
        """Let go of the file."""
        if this_job().is_main:
            super().close()


class _Answer:
    """What an action returned or raised."""

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        self.value, self.error = value, error

    def open(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def _answer(action: Callable[[], Any]) -> _Answer:
    try:
        return _Answer(value=action())
    except Exception as error:  # noqa: BLE001 - whatever it is, the other processes wait for it
        return _Answer(error=_portable(error))


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - exceptions of other people's making may do anything here
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _out_of_step(ends: Mapping[str, str]) -> TrainingError:
    told = [f"process {key.rpartition('/')[2]} raised {end}" for key, end in ends.items() if end]
    return TrainingError(
        f"The processes of the job are out of step: {'; '.join(told) or 'some have stopped'}. Not all did.",
        fix="mend what this names, then start the same command again: finished runs are kept",
        code="out-of-step",
    )


def _key_value_store() -> Any:
    """Return the store through which the processes met: its messages cannot pair with a gradient."""
    from torch.distributed import distributed_c10d

    return distributed_c10d._get_default_store()  # noqa: SLF001 - no public name; there since torch 1.7


def _unsupported(problem: str) -> TrainingError:
    return TrainingError(
        problem,
        fix="`accelerate launch --multi_gpu --num_processes 2 -m flops_fit run SPEC`; without GPUs, "
        "`ACCELERATE_USE_CPU=true torchrun --nproc-per-node 2 -m flops_fit run SPEC`",
        code="unsupported-launch",
    )
