"""What clauses about intervals have in common: repeated noisy runs, and how often the truth must be held."""

from __future__ import annotations

from collections.abc import Sequence

from flops_fit.fit import Estimate
from flops_fit_conformance.breach import require

NOISE = 3e-3
"""Standard deviation of ln loss of the runs."""
SEEDS = range(5)
LEAST = 4
"""Of five 95% intervals, how many must hold the truth; five of five would fail one right form in four."""


def require_covered(name: str, truth: float, estimates: Sequence[Estimate], *, call: str) -> None:
    """Raise a Breach unless the truth lies in `LEAST` of the intervals, one for each of `SEEDS`."""
    missed = [e for e in estimates if truth not in e.interval]
    shown = ", ".join(f"{e.interval.low:.4g} to {e.interval.high:.4g}" for e in missed)
    require(
        len(SEEDS) - len(missed) >= LEAST,
        found=f"{len(missed)} of {len(SEEDS)} intervals of {name} without the truth: {shown}",
        should=f"{truth:.4g} inside, in {LEAST} of {len(SEEDS)} at least",
        call=call,
    )
