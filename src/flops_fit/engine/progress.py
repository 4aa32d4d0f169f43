"""How far a sweep is, and when it will end."""

import math
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pvariance
from types import TracebackType
from typing import Self

from flops_fit.design.grid import PlannedRun, Trunk, executed_steps
from flops_fit.quantities import Interval
from flops_fit.runs.record import RunRecord

STEP_OVERHEAD = 1e8
"""FLOPs that a CPU core could have done in the part of a step that does not grow with the model.

About 2 ms at 5e10 FLOP/s, as measured with GPTs of 5 thousand to 180 thousand parameters and 512 tokens per
step on one Xeon core. It only orders runs and weighs them in the ETA; measured seconds replace it.
"""


def predicted_cost(trunk: Trunk) -> float:
    """Return a number that is roughly proportional to the seconds `trunk` takes."""
    return math.fsum(share.cost for share in shares_of([trunk]).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of a trunk's steps that is executed for one of its runs."""

    run: PlannedRun
    trunk: str
    """The first run of the trunk: one worker trains all that agree in it."""
    n_steps: int

    @property
    def flops(self) -> float:
        """FLOPs of these steps."""
        return self.run.flops_per_step * self.n_steps

    @property
    def cost(self) -> float:
        """A number that is roughly proportional to the seconds they take."""
        return self.flops + self.n_steps * STEP_OVERHEAD


def shares_of(trunks: Iterable[Trunk]) -> dict[str, Share]:
    """Return what is executed for each run, by its id."""
    return {
        run.run_id: Share(run=run, trunk=trunk[0].run_id, n_steps=n_steps)
        for trunk in trunks
        for run, n_steps in zip(trunk, executed_steps(trunk), strict=True)
    }


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
    """Executed; steps that runs share are counted once."""
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
        self._pace = _Pace()
        self._budget_of = {run_id: share.run.budget for run_id, share in shares.items()}
        self._best: dict[float, RunRecord] = {}
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
                flops_done=self._flops_total - math.fsum(share.flops for share in left),
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


UNSEEN_SIZE, SAME_SIZE = 0.5, 0.1
"""Standard deviations of ln pace between sizes and between runs of a size, as GPTs showed on a CPU."""
WORTH = 3
"""Sizes, or runs, that these count for beside those that have been timed."""


@dataclass(slots=True)
class _Pace:
    """Seconds per predicted cost, by size where a run of that size has been timed, else over all."""

    costs: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds_of: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    log_paces: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each run timed, by size."""

    @property
    def known(self) -> bool:
        return bool(self.costs)

    def learn(self, share: Share, wall_s: float | None) -> None:
        if wall_s and share.cost:
            self.costs[share.run.size.name] += share.cost
            self.seconds_of[share.run.size.name] += wall_s
            self.log_paces[share.run.size.name].append(math.log(wall_s / share.cost))

    def seconds(self, shares: Sequence[Share], workers: int) -> float:
        """Predict when all shares are done: no sooner than the longest trunk."""
        of_trunk: dict[str, float] = defaultdict(float)
        for share in shares:
            of_trunk[share.trunk] += share.cost * self._rate(share.run.size.name)
        return max([math.fsum(of_trunk.values()) / workers, *of_trunk.values()])

    def interval(self, shares: Sequence[Share], workers: int) -> Interval:
        """Return the 95% interval of `seconds`, as if all shares erred together: cautious, and simple."""
        seconds = self.seconds(shares, workers)
        weights = [share.cost * self._rate(share.run.size.name) for share in shares]
        spreads = self._spreads({share.run.size.name for share in shares})
        errors = [spreads[share.run.size.name] for share in shares]
        spread = math.fsum(map(operator.mul, weights, errors)) / (math.fsum(weights) or 1.0)
        return Interval(seconds * math.exp(-1.96 * spread), seconds * math.exp(1.96 * spread))

    def _rate(self, size: str) -> float:
        if size in self.costs:
            return self.seconds_of[size] / self.costs[size]
        return sum(self.seconds_of.values()) / sum(self.costs.values())

    def _spreads(self, sizes: Iterable[str]) -> dict[str, float]:
        """Return the standard deviation of ln pace that is to be expected of each size."""
        paces = self.log_paces.values()
        free = sum(len(of_size) - 1 for of_size in paces)
        within = sum(pvariance(of_size) * len(of_size) for of_size in paces) + WORTH * SAME_SIZE**2
        within /= free + WORTH
        levels = [fmean(of_size) for of_size in paces]
        between = pvariance(levels) * len(levels) + WORTH * UNSEEN_SIZE**2
        between /= len(levels) - 1 + WORTH
        return {
            size: math.sqrt(
                within * (1 + 1 / len(self.log_paces[size])) if size in self.costs else within + between
            )
            for size in sizes
        }
