"""How far a sweep is, and when it will end."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from flops_fit.design.grid import PlannedRun
from flops_fit.runs.record import RunRecord

STEP_OVERHEAD = 1e8
"""FLOPs that a CPU core could have done in the part of a step that does not grow with the model.

About 2 ms at 5e10 FLOP/s, as measured with GPTs of 5 thousand to 180 thousand parameters and 512 tokens per
step on one Xeon core. It only orders runs and weighs them in the ETA; measured seconds replace it.
"""


def predicted_cost(run: PlannedRun) -> float:
    """Return a number that is roughly proportional to the seconds `run` takes."""
    return run.flops + run.n_steps * STEP_OVERHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a sweep stands."""

    done: int
    """Runs with a row: finished now or before, failed ones included."""
    running: int
    failed: int
    """Runs without a loss: failed or diverged."""
    total: int
    flops_done: float
    flops_total: float
    eta_s: float | None
    """Seconds until the sweep ends; None until a run has been timed."""
    last: RunRecord | None = None
    """The run that has just ended."""
    ended: bool = False
    """The sweep is over or interrupted; no further report follows."""


class Tally:
    """Counts finished runs and tells `report` about each; a context manager that reports start and end."""

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        kept: Sequence[RunRecord],
        *,
        workers: int,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self._workers, self._report = workers, report
        self._waiting = {run.run_id: run for run in runs}
        self._flops_total = math.fsum(run.flops for run in runs)
        self._total, self._failed = len(runs), 0
        self._last: RunRecord | None = None
        self._pace = _Pace()
        for row in kept:
            self._count(row)

    def add(self, record: RunRecord) -> None:
        """Count a run that has just ended."""
        self._pace.learn(self._waiting[record.run_id], record.wall_s)
        self._count(record)
        self._last = record
        self._tell()

    def __enter__(self) -> Self:
        self._tell()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(ended=True)

    def _count(self, record: RunRecord) -> None:
        del self._waiting[record.run_id]
        self._failed += record.status != "completed"

    def _tell(self, *, ended: bool = False) -> None:
        if self._report is None:
            return
        left = self._waiting.values()
        running = 0 if ended else min(self._workers, len(left))
        self._report(
            Progress(
                done=self._total - len(left),
                running=running,
                failed=self._failed,
                total=self._total,
                flops_done=self._flops_total - math.fsum(run.flops for run in left),
                flops_total=self._flops_total,
                eta_s=self._pace.seconds(list(left)) / max(running, 1) if self._pace.known else None,
                last=self._last,
                ended=ended,
            )
        )


@dataclass(slots=True)
class _Pace:
    """Seconds per predicted cost, by size where a run of that size has been timed, else over all."""

    costs: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds_of: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def known(self) -> bool:
        return bool(self.costs)

    def learn(self, run: PlannedRun, wall_s: float | None) -> None:
        if wall_s:
            self.costs[run.size.name] += predicted_cost(run)
            self.seconds_of[run.size.name] += wall_s

    def seconds(self, runs: Sequence[PlannedRun]) -> float:
        overall = sum(self.seconds_of.values()) / sum(self.costs.values())
        return math.fsum(predicted_cost(run) * self._rate(run.size.name, overall) for run in runs)

    def _rate(self, size: str, overall: float) -> float:
        return self.seconds_of[size] / self.costs[size] if size in self.costs else overall
