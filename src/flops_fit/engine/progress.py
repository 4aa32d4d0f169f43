"""How far a sweep is, and when it will end."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from flops_fit.engine.pace import Pace
from flops_fit.engine.shares import Share
from flops_fit.quantities import Interval
from flops_fit.runs.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetProgress:
    """Where one budget stands."""

    budget: float
    done: int
    total: int
    best: RunRecord | None
    """The run of least loss; None until one has completed."""


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
    """Of the runs that have a row; steps that runs share are counted once, and none that are taken again
    because they came after the last checkpoint."""
    flops_total: float
    eta_s: float | None
    """Seconds until the sweep ends; None until a run has been timed."""
    eta_interval: Interval | None = None
    """Of the ETA, as uncertain as the pace of the runs timed was; None as `eta_s` is."""
    last: RunRecord | None = None
    """The run that has just ended."""
    budgets: tuple[BudgetProgress, ...] = ()
    """Ascending."""
    ended: bool = False
    """The sweep is over or interrupted; no further report follows."""


class Tally:
    """Counts finished runs and tells `report` about each; a context manager that reports start and end.

    `shares` are what is, or was, executed for each run of the plan, by its id.
    """

    def __init__(
        self,
        shares: Mapping[str, Share],
        kept: Sequence[RunRecord],
        *,
        workers: int,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self._workers, self._report = workers, report
        self._waiting = dict(shares)
        self._flops_total = math.fsum(share.flops for share in shares.values())
        self._total, self._failed = len(shares), 0
        self._last: RunRecord | None = None
        self._pace = Pace()
        self._budget_of = {run_id: share.run.budget for run_id, share in shares.items()}
        self._best: dict[float, RunRecord] = {}
        for row in kept:
            self._count(row)

    @property
    def flops_left(self) -> float:
        """FLOPs of the runs that have no row."""
        return math.fsum(share.flops for share in self._waiting.values())

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
        budget = self._budget_of[record.run_id]
        best = self._best.get(budget)
        if record.loss is not None and (best is None or best.loss is None or record.loss < best.loss):
            self._best[budget] = record

    def _tell(self, *, ended: bool = False) -> None:
        if self._report is None:
            return
        left = list(self._waiting.values())
        running = 0 if ended else min(self._workers, len({share.trunk for share in left}))
        self._report(
            Progress(
                done=self._total - len(left),
                running=running,
                failed=self._failed,
                total=self._total,
                flops_done=self._flops_total - self.flops_left,
                flops_total=self._flops_total,
                eta_s=self._pace.seconds(left, self._workers) if self._pace.known else None,
                eta_interval=self._pace.interval(left, self._workers) if self._pace.known else None,
                last=self._last,
                budgets=self._budgets(),
                ended=ended,
            )
        )

    def _budgets(self) -> tuple[BudgetProgress, ...]:
        total = Counter(self._budget_of.values())
        left = Counter(share.run.budget for share in self._waiting.values())
        return tuple(
            BudgetProgress(
                budget=budget,
                done=total[budget] - left[budget],
                total=total[budget],
                best=self._best.get(budget),
            )
            for budget in sorted(total)
        )
