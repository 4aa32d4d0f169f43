"""The learning rate as a pure function of the step: linear warm-up, constant, linear cooldown to zero."""

from dataclasses import dataclass
from typing import Self

MIN_WARMUP_STEPS = 10
"""AdamW's second moment is noise before about ten steps, whatever fraction of a short run that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The three phases of one run, in steps; warm-up and cooldown may meet."""

    n_steps: int
    warmup_steps: int
    cooldown_steps: int

    @classmethod
    def of(cls, n_steps: int, *, warmup: float, cooldown: float) -> Self:
        """Turn fractions of the run into whole steps; a warm-up takes at least `MIN_WARMUP_STEPS`."""
        warmup_steps = max(MIN_WARMUP_STEPS, round(warmup * n_steps)) if warmup else 0
        return cls(
            n_steps=n_steps, warmup_steps=min(warmup_steps, n_steps), cooldown_steps=round(cooldown * n_steps)
        )

    def factor(self, step: int) -> float:
        """Return the learning rate of `step` (from 0) as a fraction of its peak.

        The first step already moves and the last one still does: zero lies at -1 and at `n_steps`. Until
        the cooldown begins, the value does not depend on `n_steps` except through `warmup_steps`.
        """
        rising = (step + 1) / self.warmup_steps if self.warmup_steps else 1.0
        falling = (self.n_steps - step) / self.cooldown_steps if self.cooldown_steps else 1.0
        return min(rising, falling, 1.0)
