"""How fast a sweep trains, learnt from each run that ends, and how wrong it was about them."""

import math
import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flops_fit.engine.shares import STEP_OVERHEAD, Share
from flops_fit.quantities import Interval

NEW_SIZE, SAME_SIZE = 0.6, 0.2
"""Standard deviations of ln(seconds over prediction) assumed of sizes never timed, and of others.

Those of GPTs of one to three layers on two CPU cores that other programs used as well.
"""
WORTH = 3
"""Runs that these count for beside those that have been timed."""


@dataclass(slots=True)
class Pace:
    """Seconds of shares: of a size that has been timed as it was, else by FLOPs and steps as all were."""

    timed: list[tuple[Share, float]] = field(default_factory=list)
    """Shares with their seconds."""
    misses: dict[bool, list[float]] = field(default_factory=lambda: defaultdict(list))
    """ln(seconds over prediction) of runs whose size was new, and of others."""
    _seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _costs: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def known(self) -> bool:
        """Whether any run has been timed."""
        return bool(self.timed)

    def learn(self, share: Share, wall_s: float | None) -> None:
        """Learn from a run that has ended."""
        if not wall_s or share.cost <= 0:
            return
        name = share.run.size.name
        if self.timed:
            (predicted,) = self._each([share])
            self.misses[name not in self._costs].append(math.log(wall_s / predicted))
        self.timed.append((share, wall_s))
        self._seconds[name] += wall_s
        self._costs[name] += share.cost

    def seconds(self, shares: Sequence[Share], workers: int) -> float:
        """Predict when all shares are done: no sooner than the longest trunk."""
        of_trunk: dict[str, float] = defaultdict(float)
        for share, seconds in zip(shares, self._each(shares), strict=True):
            of_trunk[share.trunk] += seconds
        return max([math.fsum(of_trunk.values()) / workers, *of_trunk.values()])

    def interval(self, shares: Sequence[Share], workers: int) -> Interval:
        """Return the 95% interval of `seconds`, as if all shares erred together: cautious, and simple."""
        seconds, each = self.seconds(shares, workers), self._each(shares)
        same = self._spread(of_new=False, prior=SAME_SIZE)
        new = math.hypot(same, self._spread(of_new=True, prior=NEW_SIZE))
        spreads = [same if share.run.size.name in self._costs else new for share in shares]
        spread = math.fsum(map(operator.mul, each, spreads)) / (math.fsum(each) or 1.0)
        return Interval(seconds * math.exp(-1.96 * spread), seconds * math.exp(1.96 * spread))

    def _each(self, shares: Sequence[Share]) -> list[float]:
        per_flop, per_step = self._per_flop_and_step()
        return [
            share.cost * self._seconds[name] / self._costs[name]
            if (name := share.run.size.name) in self._costs
            else share.flops * per_flop + share.n_steps * per_step
            for share in shares
        ]

    def _per_flop_and_step(self) -> tuple[float, float]:
        """Fit seconds by FLOPs and steps, relative errors counting alike; if in doubt, a step as assumed."""
        from scipy.optimize import nnls

        rows = np.array([[share.flops / wall_s, share.n_steps / wall_s] for share, wall_s in self.timed])
        scales = 1 / rows.mean(axis=0)
        assumed = np.array([-STEP_OVERHEAD * scales[0], scales[1]])
        doubt = 0.1 * assumed / np.abs(assumed).sum()
        solution, _ = nnls(np.vstack([rows * scales, doubt]), np.append(np.ones(len(rows)), 0.0))
        per_flop, per_step = solution * scales
        return float(per_flop), float(per_step)

    def _spread(self, *, of_new: bool, prior: float) -> float:
        misses = self.misses[of_new]
        return math.sqrt((math.fsum(miss**2 for miss in misses) + WORTH * prior**2) / (len(misses) + WORTH))
