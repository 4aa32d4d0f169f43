"""What is executed for each run of a sweep, and what it will cost about."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flops_fit.design.grid import PlannedRun, Trunk, executed_steps

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
