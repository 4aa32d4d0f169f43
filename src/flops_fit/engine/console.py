"""Progress of a sweep: a live picture on a terminal, plain lines elsewhere, JSON lines for scripts."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from flops_fit.engine.progress import Progress
from flops_fit.engine.words import outcome, progress_line
from flops_fit.runs.record import RunRecord

PAUSE_S = 5.0
"""Least time between two plain lines, but for failures and the last one."""
OF_A_RUN = (
    *("run_id", "budget", "size", "seed", "n_params", "n_units"),
    *("flops", "loss", "status", "reason", "wall_s"),
)
"""What an event tells of a run that has ended."""


def console_reporter(
    stream: TextIO, *, quiet: bool = False, events: bool = False
) -> Callable[[Progress], None]:
    """Return what to hand to `run_sweep` as `report`, so that `stream` shows how far the sweep is.

    Args:
        stream: Where to; a terminal is drawn on.
        quiet: Tell only of runs that have no loss.
        events: Where the stream is no terminal, write a JSON object per line for each run that ends.
    """
    if quiet:
        return _Troubles(stream)
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        from flops_fit.engine.live import LivePicture  # and with it rich

        return LivePicture(stream)
    return _Events(stream) if events else _Lines(stream)


def announce(what: str, stream: TextIO, *, quiet: bool = False) -> None:
    """Tell what takes so long, once for all processes of a job that has not begun yet."""
    if not quiet and os.environ.get("RANK", "0") == "0":
        print(what, file=stream, flush=True)


class _Troubles:
    """Writes a line for each run that failed or diverged, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: RunRecord | None = None

    def __call__(self, progress: Progress) -> None:
        last = progress.last
        if last is not None and last is not self._told and last.status != "completed":
            self._told = last
            print(outcome(last), file=self._stream, flush=True)


class _Lines:
    """Writes a plain line at most every `PAUSE_S` seconds, and for each run without a loss."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0.0
        self._failed = 0
        self._told = ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next or progress.ended or progress.failed > self._failed:
            self._next, self._failed = now + PAUSE_S, progress.failed
            line = progress_line(progress)
            if line != self._told:  # the end brings nothing new where the last run has just been told
                print(line, file=self._stream, flush=True)
            self._told = line


class _Events:
    """Writes one JSON object per line: at the start, after each run, and at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: RunRecord | None = None

    def __call__(self, progress: Progress) -> None:
        known = asdict(progress)
        last, budgets, ended = known.pop("last"), known.pop("budgets"), known.pop("ended")
        fresh = progress.last is not None and progress.last is not self._told
        event = {"event": "end" if ended else "run" if fresh else "start", "time": time.time(), **known}
        event["best_loss"] = {f"{b['budget']:.6g}": b["best"] and b["best"]["loss"] for b in budgets}
        if fresh:
            self._told = progress.last
            event["run"] = {name: last[name] for name in OF_A_RUN}
        print(json.dumps(event), file=self._stream, flush=True)
