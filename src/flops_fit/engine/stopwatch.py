"""How long the parts of a run take in this process: real steps of the real loop, timed."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun
from flops_fit.engine.checkpoint import Folder
from flops_fit.engine.job import this_job
from flops_fit.engine.loop import Trainee, evaluate, set_up, take_steps
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.state import State

WARM_UP = 3
"""Steps before the first that counts: they allocate memory and choose kernels."""
BLOCKS = 5
"""Blocks of steps that are timed one by one: a median of five survives two that something else disturbed."""
BLOCK_S = 0.1
"""Least length of a block: long enough for the clock and for the pauses that every run has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds that the parts of one run took in one process."""

    run_id: str
    set_up_s: float
    """From nothing to the second step, less one step."""
    steps_s: tuple[float, ...]
    """Of one step: the mean of each block."""
    cpu_share: float
    """Of a core, while it took these steps; less than 1 where other programs wanted it too."""
    save_s: float
    """Of the state of a trunk, to the disk of the sweep."""
    load_s: float
    evaluation_s: float
    peak_bytes: int
    """Most memory that the process has held so far: of the GPU if it trains on one."""
    watts: float | None
    """Power that the device drew meanwhile; None if it does not say."""


def seconds_until_ready(run: PlannedRun, spec: SweepSpec) -> float:
    """Return how long a process takes to read the data, load what torch loads late, and take a first step.

    A process pays for this once, whatever it trains; `run` is the smallest, so that little else is counted.
    """
    with reproducible(run.seed):
        seconds, _ = _set_up(run, spec)
    return seconds


def time_run(run: PlannedRun, spec: SweepSpec) -> Timing:
    """Take a few steps of a run and evaluate it once; nothing is kept.

    In a job of several processes all of them take the same steps.
    """
    with reproducible(run.seed):
        return _timed(run, spec)


def _timed(run: PlannedRun, spec: SweepSpec) -> Timing:
    ready_s, trainee = _set_up(run, spec)
    steps = _steps_per_block(trainee, _seconds(trainee, WARM_UP - 1) / (WARM_UP - 1))
    started, cpu = time.perf_counter(), time.process_time()
    blocks = tuple(_seconds(trainee, steps) / steps for _ in range(BLOCKS))
    cpu_share = (time.process_time() - cpu) / (time.perf_counter() - started)
    watts = _watts(trainee.device)  # while it is still busy, or was a moment ago
    save_s, load_s = _saved_and_loaded(trainee, spec)
    started = time.perf_counter()
    evaluate(trainee, spec)
    return Timing(
        run_id=run.run_id,
        set_up_s=max(0.0, ready_s - median(blocks)),
        steps_s=blocks,
        cpu_share=min(1.0, cpu_share) if trainee.device.type == "cpu" else 1.0,
        save_s=save_s,
        load_s=load_s,
        evaluation_s=time.perf_counter() - started,
        peak_bytes=_peak_bytes(trainee.device),
        watts=watts,
    )


def _set_up(run: PlannedRun, spec: SweepSpec) -> tuple[float, Trainee]:
    """Return the seconds to the end of the first step, and what takes the second."""
    started = time.perf_counter()
    trainee = set_up(run, spec)
    _seconds(trainee, 1)
    return time.perf_counter() - started, trainee


def _saved_and_loaded(trainee: Trainee, spec: SweepSpec) -> tuple[float, float]:
    """Return the seconds of saving the state beside where the sweep will, and of going on from there."""
    disk = next(folder for folder in (spec.output_dir, *spec.output_dir.parents) if folder.is_dir())
    with TemporaryDirectory(prefix="flops-fit-estimate-", dir=disk) as scratch:
        folder = Folder(directory=Path(scratch), trunk="", rank=0)
        started = time.perf_counter()
        folder.save("trunk", State.of(trainee))
        saved = time.perf_counter()
        state = folder.load("trunk")
    if state is None:
        raise RuntimeError("the state that was just saved has vanished")
    state.put_back(trainee)
    return saved - started, time.perf_counter() - saved


def _steps_per_block(trainee: Trainee, pace: float) -> int:
    """Return as many steps as `BLOCK_S` takes, the same on every process, and no more than the run has."""
    wanted = this_job().on_main(lambda: math.ceil(BLOCK_S / pace))
    return max(1, min(wanted, (trainee.run.n_steps - WARM_UP) // BLOCKS))


def _seconds(trainee: Trainee, n_steps: int) -> float:
    """Return how long `n_steps` steps take, until the device is done with them.

    Not by `advance`, which stops where a run diverges.
    """
    started = time.perf_counter()
    take_steps(trainee, n_steps)
    _ = trainee.diverged  # waits for the device
    return time.perf_counter() - started


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    import resource  # Windows has no such module

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _watts(device: torch.device) -> float | None:
    """Return the power that a GPU draws, as NVIDIA's management library says; it needs `nvidia-ml-py`.

    That of a CPU can be read by the superuser only.
    """
    if device.type != "cuda":
        return None
    try:
        return torch.cuda.power_draw(device) / 1000
    except (ImportError, RuntimeError):
        return None
