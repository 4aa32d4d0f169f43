"""How long trunks will take side by side: their schedule, played through with calibrated seconds."""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, median, pstdev, stdev
from typing import Self

from flops_fit.design.grid import PlannedRun, Trunk, executed_steps
from flops_fit.engine.calibrate import Pass
from flops_fit.engine.curve import held_out_slots
from flops_fit.quantities import Interval

DRIFT = 0.05
"""Standard deviation of a machine's pace between a calibration and the sweep, as a fraction of it.

What the passes of a calibration differ by comes on top. A judgement; docs/explanation/performance.md has the
sweeps that it was compared with.
"""
DRAWS = 400
"""Times that the schedule is played through for an interval."""

Kind = tuple[str, int]


def kind_of(run: PlannedRun) -> Kind:
    """Return what the seconds of a step depend on: the size and the rows of a batch."""
    return run.size.name, run.batch_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Trunks in the order in which they are started, and what is known about their pace."""

    trunks: Sequence[Trunk]
    workers: int
    paces: Mapping[Kind, Pace]
    start_ups_s: Sequence[float]
    drift: float
    """Standard deviation of what slows or hastens all runs together, as a fraction."""
    cpu_share: float
    """Of a core, that a process had while it was timed."""
    checkpoint_s: float
    """Seconds between two savings of a trunk in flight."""
    saved: Mapping[str, int]
    """Steps of trunks that a checkpoint holds, by the first run that is left of them."""

    @classmethod
    def of(
        cls,
        trunks: Sequence[Trunk],
        passes: Sequence[Pass],
        *,
        workers: int,
        checkpoint_s: float,
        saved: Mapping[str, int],
    ) -> Self:
        """Return the rehearsal of `trunks` by what a calibration of all their kinds of runs found."""
        kinds = {run.run_id: kind_of(run) for run in chain.from_iterable(trunks)}
        return cls(
            trunks=trunks,
            workers=workers,
            paces={kind: Pace.of(kind, kinds, passes) for kind in set(kinds.values())},
            start_ups_s=[found.start_up_s for found in passes],
            drift=math.hypot(DRIFT, _spread(passes)) if passes else DRIFT,
            cpu_share=median([t.cpu_share for found in passes for t in found.timings] or [1.0]),
            checkpoint_s=checkpoint_s,
            saved=saved,
        )

    @property
    def wall_s(self) -> float:
        """Seconds from the wish for the first process to the end of the last trunk."""
        seconds = [self.seconds(trunk) for trunk in self.trunks]
        return self._schedule(seconds, median(self.start_ups_s)) if seconds else 0.0

    @property
    def interval(self) -> Interval:
        """The middle 95% of `wall_s` over what steps, starts and the machine's pace may turn out to be.

        Where other programs took part of the cores, the low end is that without them.
        """
        dice = random.Random(0)  # noqa: S311 - no secret
        seconds = [(kind_of(trunk[0]), self.seconds(trunk)) for trunk in self.trunks]
        walls = sorted(self._drawn(seconds, dice) for _ in range(DRAWS if seconds else 0)) or [0.0]
        low, high = walls[round(0.025 * (len(walls) - 1))], walls[round(0.975 * (len(walls) - 1))]
        return Interval(low * self.cpu_share, high)

    def seconds(self, trunk: Trunk) -> float:
        """Return the seconds that a trunk takes one process."""
        pace = self.paces[kind_of(trunk[0])]
        n_evaluations = len(trunk) + sum(
            start < step
            for run, start in zip(trunk, _starts(trunk), strict=True)
            for step in held_out_slots(run)
        )
        n_steps = sum(executed_steps(trunk)) - self.saved.get(trunk[0].run_id, 0)
        training_s = pace.set_up_s + pace.step_s * n_steps + pace.evaluation_s * n_evaluations
        n_saved = len(trunk) - 1 + training_s / self.checkpoint_s
        return training_s + n_saved * pace.save_s + (len(trunk) - 1) * pace.load_s

    def _drawn(self, seconds: Sequence[tuple[Kind, float]], dice: random.Random) -> float:
        common = math.exp(dice.gauss(0.0, self.drift))
        own = {kind: math.exp(dice.gauss(0.0, pace.error)) for kind, pace in sorted(self.paces.items())}
        slowed = [common * own[kind] * trunk_s for kind, trunk_s in seconds]
        return self._schedule(slowed, common * dice.choice(self.start_ups_s))

    def _schedule(self, seconds: Iterable[float], start_up_s: float) -> float:
        """Return when the last trunk ends if each is given to the process that is free first."""
        free_at = [start_up_s] * self.workers
        for trunk_s in seconds:
            heapq.heapreplace(free_at, free_at[0] + trunk_s)
        return max(free_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds that the parts of one kind of run take, medians over all processes and passes."""

    step_s: float
    error: float
    """Standard error of `step_s`, as a fraction."""
    set_up_s: float
    save_s: float
    load_s: float
    evaluation_s: float

    @classmethod
    def of(cls, kind: Kind, kinds: Mapping[str, Kind], passes: Iterable[Pass]) -> Self:
        """Return the pace of one kind of run."""
        timings = [t for found in passes for t in found.timings if kinds[t.run_id] == kind]
        steps_s = [s for timing in timings for s in timing.steps_s]
        return cls(
            step_s=median(steps_s),
            error=stdev(map(math.log, steps_s)) / math.sqrt(len(steps_s)),
            set_up_s=median(timing.set_up_s for timing in timings),
            save_s=median(timing.save_s for timing in timings),
            load_s=median(timing.load_s for timing in timings),
            evaluation_s=median(timing.evaluation_s for timing in timings),
        )


def _starts(trunk: Trunk) -> tuple[int, ...]:
    """Return the step from which each run is executed."""
    return (0, *(run.branch_step for run in trunk[:-1]))


def _spread(passes: Iterable[Pass]) -> float:
    """Return the standard deviation between passes of the pace of all runs together, as a fraction."""
    logs: list[dict[str, float]] = [
        {t.run_id: math.log(median(t.steps_s)) for t in found.timings} for found in passes
    ]
    of_run: dict[str, list[float]] = defaultdict(list)
    for run_id, value in chain.from_iterable(found.items() for found in logs):
        of_run[run_id].append(value)
    means = {run_id: fmean(values) for run_id, values in of_run.items()}
    return pstdev(fmean(value - means[run_id] for run_id, value in found.items()) for found in logs)
