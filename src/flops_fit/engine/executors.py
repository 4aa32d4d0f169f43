"""Where trunks are trained: in this process, or in single-threaded processes side by side."""

import os
from collections.abc import Generator, Sequence
from pathlib import Path

import cloudpickle

from flops_fit.config.device import process_state
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import Trunk
from flops_fit.engine.attempt import attempt
from flops_fit.engine.crew import MEND, Crew, Orders
from flops_fit.engine.job import this_job
from flops_fit.engine.packing import processes_per_gpu
from flops_fit.errors import TrainingError
from flops_fit.runs.record import RunRecord


def execute(
    trunks: Sequence[Trunk], spec: SweepSpec, *, workers: int, checkpoints: Path | None = None
) -> Generator[RunRecord]:
    """Train `trunks`, started in the order given, and yield the record of each run as it ends.

    Where a trunk raises, or its process dies, the runs that it has not ended yield failed records with the
    reason. Closing the generator ends every process.

    Args:
        trunks: The runs that are left, as they are trained together.
        spec: How they are trained.
        workers: Processes side by side; 1 is this one.
        checkpoints: Directory of the states of trunks in flight.

    Raises:
        KeyboardInterrupt: this process was asked to end; what was in flight is saved.
    """
    if workers == 1 or len(trunks) <= 1:
        return (record for trunk in trunks for record in attempt(trunk, spec, checkpoints))
    return Crew(trunks, Orders(_sent(spec), checkpoints), min(workers, len(trunks))).records()


def count_workers(spec: SweepSpec, trunks: Sequence[Trunk]) -> int:
    """Return how many processes train `trunks` side by side.

    By default one per core on a CPU, and on a GPU as many as `processes_per_gpu` says; one where the spec
    cannot be sent to processes, and always one in a job of several processes, which train each run together.

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
            fix=MEND,
            code="spec-not-sendable",
        )
    return asked or (1 if obstacle else _by_default(spec, trunks))


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


def _by_default(spec: SweepSpec, trunks: Sequence[Trunk]) -> int:
    device = process_state().device.type
    if device == "cpu":
        return count_cores()
    return processes_per_gpu(trunks, spec) if device == "cuda" else 1


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
