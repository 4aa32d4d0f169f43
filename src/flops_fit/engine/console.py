"""Progress for people: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as LiveDisplay

from flops_fit.engine.progress import Progress
from flops_fit.runs.record import RunRecord

PAUSE_S = 5.0
"""Least time between two plain lines, but for failures and the last one."""


def console_reporter(stream: TextIO, *, quiet: bool = False) -> Callable[[Progress], None]:
    """Return what to hand to `run_sweep` as `report`, so that `stream` shows how far the sweep is.

    `quiet` keeps only the lines about runs that have no loss.
    """
    if quiet:
        return _Troubles(stream)
    return _Live(stream) if stream.isatty() else _Lines(stream)


def progress_line(progress: Progress) -> str:
    """Return the state of a sweep in one line."""
    parts = [f"{progress.done}/{progress.total} runs"]
    if progress.failed:
        parts.append(f"{progress.failed} without a loss")
    parts.append(f"{progress.flops_done:.3g} of {progress.flops_total:.3g} FLOPs")
    if progress.eta_s is not None and progress.done < progress.total:
        parts.append(f"about {_duration(progress.eta_s)} left")
    if progress.last is not None:
        parts.append(f"last: {_outcome(progress.last)}")
    return " | ".join(parts)


class _Troubles:
    """Writes a line for each run that failed or diverged, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: RunRecord | None = None

    def __call__(self, progress: Progress) -> None:
        last = progress.last
        if last is not None and last is not self._told and last.status != "completed":
            self._told = last
            print(_outcome(last), file=self._stream, flush=True)


class _Lines:
    """Writes a plain line at most every `PAUSE_S` seconds, and for each run without a loss."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0.0
        self._failed = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next or progress.ended or progress.failed > self._failed:
            self._next, self._failed = now + PAUSE_S, progress.failed
            print(progress_line(progress), file=self._stream, flush=True)


class _Live:
    """Keeps a bar at the bottom of a terminal; runs without a loss scroll by above it."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._display = LiveDisplay(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._told: RunRecord | None = None

    def __call__(self, progress: Progress) -> None:
        if self._task is None:
            self._task = self._display.add_task("", total=progress.flops_total)
            self._display.start()
        if (
            progress.last is not None
            and progress.last is not self._told
            and progress.last.status != "completed"
        ):
            self._told = progress.last
            self._display.console.print(_outcome(progress.last), highlight=False, markup=False)
        self._display.update(self._task, completed=progress.flops_done, description=progress_line(progress))
        if progress.ended:
            self._display.stop()
            self._console.print(progress_line(progress), highlight=False, markup=False)


def _outcome(record: RunRecord) -> str:
    place = f"{record.size}, seed {record.seed}" + (
        "" if record.budget is None else f", {record.budget:.3g} FLOPs"
    )
    if record.loss is None:
        return f"{place} {record.status}: {record.reason}"
    return f"{place}: loss {record.loss:.4f}"


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"
