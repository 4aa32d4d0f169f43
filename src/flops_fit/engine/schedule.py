"""The learning rate as a pure function of the step: linear warm-up, constant, cooldown to zero."""

import math
from dataclasses import dataclass
from typing import Literal, Self

from flops_fit.config.training import TrainingSpec
from flops_fit.design.grid import PlannedRun

Shape = Literal["linear", "1-sqrt", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The three phases of one run, in steps; warm-up and cooldown may meet."""

    n_steps: int
    warmup_steps: int
    cooldown_steps: int
    shape: Shape = "linear"
    """How the rate falls during the cooldown."""

    @classmethod
    def of(cls, run: PlannedRun, training: TrainingSpec) -> Self:
        """Return the schedule of a planned run."""
        return cls(
            n_steps=run.n_steps,
            warmup_steps=run.warmup_steps,
            cooldown_steps=run.cooldown_steps,
            shape="cosine" if training.schedule == "cosine" else training.cooldown_shape,
        )

    def factor(self, step: int) -> float:
        """Return the learning rate of `step` (from 0) as a fraction of its peak.

        The first step already moves and the last one still does: zero lies at -1 and at `n_steps`. Until
        the cooldown begins, the value does not depend on `n_steps`.
        """
        rising = (step + 1) / self.warmup_steps if self.warmup_steps else 1.0
        left = (self.n_steps - step) / self.cooldown_steps if self.cooldown_steps else 1.0
        return min(rising, self._fallen(left) if left < 1.0 else 1.0)

    def _fallen(self, left: float) -> float:
        """Return the fraction of the peak when the fraction `left` of the cooldown is still to come.

        Source of 1-sqrt: Hägele et al. 2024, arXiv:2405.18392, section 4.
        """
        if self.shape == "linear":
            return left
        if self.shape == "cosine":
            return (1.0 + math.cos(math.pi * (1.0 - left))) / 2.0
        return 1.0 - math.sqrt(1.0 - left)
