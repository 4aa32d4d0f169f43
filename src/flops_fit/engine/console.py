"""Progress of a sweep: a live picture on a terminal, plain lines elsewhere, JSON lines for scripts."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from flops_fit.engine.progress import Progress
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


def progress_line(progress: Progress) -> str:
    """Return the state of a sweep in one line."""
    parts = [f"{progress.done}/{progress.total} runs"]
    if progress.failed:
        parts.append(f"{progress.failed} without a loss")
    parts.append(f"{progress.flops_done:.3g} of {progress.flops_total:.3g} FLOPs")
    if progress.eta_s is not None and progress.done < progress.total:
        parts.append(time_left(progress))
    if progress.last is not None:
        parts.append(f"last: {outcome(progress.last)}")
    return " | ".join(parts)


def time_left(progress: Progress, *, since_s: float = 0.0) -> str:
    """Return the ETA with its interval, `since_s` after it was made."""
    value, interval = progress.eta_s or 0.0, progress.eta_interval
    text = f"about {_duration(value - since_s)} left"
    if interval is None:
        return text
    low, high = _duration(interval.low - since_s), _duration(interval.high - since_s)
    return text if low == high else f"{text} ({low} to {high})"


def outcome(record: RunRecord) -> str:
    """Say which run ended, and how."""
    place = f"{record.size}, seed {record.seed}" + (
        "" if record.budget is None else f", {record.budget:.3g} FLOPs"
    )
    if record.loss is None:
        return f"{place} {record.status}: {record.reason}"
    return f"{place}: loss {record.loss:.4f}"


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

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next or progress.ended or progress.failed > self._failed:
            self._next, self._failed = now + PAUSE_S, progress.failed
            print(progress_line(progress), file=self._stream, flush=True)


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


def _duration(seconds: float) -> str:
    seconds = max(seconds, 0.0)
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"
