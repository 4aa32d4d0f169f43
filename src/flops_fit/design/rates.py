"""One learning rate for a sweep: which runs to try it on, which rates to try next, what their losses say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import PlannedRun, SweepPlan
from flops_fit.design.identity import content_hash, run_identity

Losses = Mapping[int, float]
"""Held-out loss by learning rate, in half octaves from a rate that counts as 0; inf: diverged."""

OCTAVE = 2
"""Half octaves."""
FARTHEST = 7 * OCTAVE
"""How far from its start a search goes: a factor of 128 either way, then the start is to blame."""
FARTHEST_CHECK = 3 * OCTAVE
"""How far a check goes: a rate that is off by a factor of 8 is off enough to say so."""
SEARCH_TRIALS, CHECK_TRIALS = 7, 3
"""Of a cell whose best rate is near the first that was tried."""
SHARE = 0.1
"""Of the sweep's FLOPs: what the check of a size beyond the cheapest budget may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells that are trained at several rates, each of one seed."""

    middle: PlannedRun
    """The middle size of the cheapest budget: the rate is chosen here."""
    others: tuple[PlannedRun, ...]
    """The smallest and the largest size of that budget, and the largest that is affordable elsewhere."""

    @property
    def flops(self) -> float:
        """FLOPs of the search and the checks, if nothing lies at an edge."""
        return SEARCH_TRIALS * self.middle.flops + CHECK_TRIALS * math.fsum(run.flops for run in self.others)


def tuning_cells(plan: SweepPlan) -> Cells:
    """Choose the cells of `plan` on which its learning rate is tuned and checked."""
    seed = plan.runs[0].seed
    of_seed = [run for run in plan.runs if run.seed == seed]
    cheapest = sorted((run for run in of_seed if run.budget == plan.runs[0].budget), key=_n_params)
    middle = cheapest[len(cheapest) // 2]
    affordable = [run for run in of_seed if CHECK_TRIALS * run.flops <= SHARE * plan.flops_executed]
    largest = max([cheapest[-1], *affordable], key=lambda run: (_n_params(run), -run.budget))
    others = {run.run_id: run for run in (cheapest[0], cheapest[-1], largest)}
    others.pop(middle.run_id, None)
    return Cells(middle=middle, others=tuple(others.values()))


def at_rate(run: PlannedRun, lr: float, spec: SweepSpec) -> PlannedRun:
    """Return `run`, alone, at another learning rate."""
    moved = replace(run, lr=lr)
    return replace(moved, run_id=content_hash(run_identity(moved, spec)), trunk="")


def next_in_search(losses: Losses) -> tuple[int, ...]:
    """Return the rates to try next: octaves until the best is well inside, then the half octaves beside it.

    Two octaves on either side: at rates that are far too high, losses can have a second, higher bottom.
    """
    beside = (_best(losses) - 1, _best(losses) + 1) if losses else ()
    return _next_octaves(losses, margin=2) or tuple(k for k in beside if k not in losses)


def next_in_check(losses: Losses) -> tuple[int, ...]:
    """Return the rates to try next: octaves until the best is inside."""
    return _next_octaves(losses, margin=1)


def _next_octaves(losses: Losses, *, margin: int) -> tuple[int, ...]:
    """Return the octaves that are missing for `margin` of them to lie on either side of the best."""
    if not losses:
        return tuple(range(-margin * OCTAVE, (margin + 1) * OCTAVE, OCTAVE))
    best, low, high = _best(losses), min(losses), max(losses)
    below = [low - OCTAVE] if best - low < margin * OCTAVE else []
    return (*below, *([high + OCTAVE] if high - best < margin * OCTAVE else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Valley:
    """ln(loss) of one cell against its learning rate, near its minimum: a parabola."""

    run: PlannedRun
    octaves: float
    """Where the minimum lies, from the learning rate that counts as 0."""
    curvature: float
    """Of ln(loss), per octave squared; 0 where the losses do not bend upwards."""
    ln_loss: float
    """At the minimum; inf where every trial diverged."""
    at_edge: bool
    """Whether the best rate is the lowest or the highest that was tried."""

    def ln_loss_at(self, octaves: float) -> float:
        """Return ln(loss) at another rate."""
        return self.ln_loss + self.curvature * (octaves - self.octaves) ** 2

    def seen_from(self, octaves: float) -> Valley:
        """Return the same with the rate `octaves` as 0."""
        return replace(self, octaves=self.octaves - octaves)


def valley_of(run: PlannedRun, losses: Losses) -> Valley:
    """Fit the parabola to the losses within an octave of the best.

    Where it has no minimum among them, the best rate itself stands for it.
    """
    import numpy as np

    best = _best(losses)
    near = {k: math.log(loss) for k, loss in losses.items() if abs(k - best) <= OCTAVE and loss < math.inf}
    octaves = [k / OCTAVE for k in near]
    a, b, c = np.polyfit(octaves, list(near.values()), 2) if len(near) >= 3 else (0.0, 0.0, 0.0)
    vertex = -b / (2 * a) if a > 0 else math.inf
    inside = vertex < math.inf and min(octaves) <= vertex <= max(octaves)
    return Valley(
        run=run,
        octaves=float(vertex) if inside else best / OCTAVE,
        curvature=float(max(a, 0.0)),
        ln_loss=float(c - a * vertex**2) if inside else near.get(best, math.inf),
        at_edge=best in {min(losses), max(losses)},
    )


def exponent_of(middle: Valley, others: Sequence[Valley]) -> float:
    """Return the power of N that best rates follow, through that of the middle size, to two digits.

    A sharper valley says more about where its bottom is; one that bends nowhere says nothing.
    """
    log2_n = [octaves_by(1.0, valley, middle) for valley in others]
    spread = math.fsum(v.curvature * x * x for v, x in zip(others, log2_n, strict=True))
    rise = math.fsum(
        v.curvature * x * (v.octaves - middle.octaves) for v, x in zip(others, log2_n, strict=True)
    )
    return round(rise / spread, 2) if spread else 0.0


def octaves_by(exponent: float, valley: Valley, middle: Valley) -> float:
    """Return how far a rate that goes as N^exponent moves from the middle size to that of `valley`."""
    return exponent * math.log2(valley.run.size.n_params / middle.run.size.n_params)


def _best(losses: Losses) -> int:
    return min(losses, key=lambda k: (losses[k], k))


def _n_params(run: PlannedRun) -> int:
    return run.size.n_params
