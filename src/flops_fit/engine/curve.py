"""At which steps a run notes its losses, and how the notes become a curve.

Notes are taken in one small tensor on the device, so that none waits for it, and a trunk that is put back to
where a run branched off has its notes put back with it. Which steps are noted depends on the run alone: a run
has the same curve in a trunk as by itself.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from flops_fit.design.grid import PlannedRun
from flops_fit.runs.curves import Curve, CurvePoint

GRID = tuple(sorted({round(2 ** (i / 3)) for i in range(73)}))
"""Three steps per octave, up to 16.8 million."""
PARTS = 8
"""Notes of a cooldown, which spans but a third of an octave."""
HELD_OUT = tuple(4**i for i in range(4, 13))
"""Steps after which the held-out loss is measured on the way; each costs as much as the one at the end.

Of the CPU time of `flops-fit demo` they take 2%.
"""
MAX_POINTS = 64
"""Of training; a longer run leaves out its first steps."""
N_SLOTS = len(GRID) + PARTS + len(HELD_OUT)


def train_slots(run: PlannedRun) -> dict[int, int]:
    """Return the steps after which the sum of training losses is noted, in order, and in which slot each."""
    ends = (run.branch_step + round(run.cooldown_steps * (i + 1) / PARTS) for i in range(PARTS))
    parts = {step: len(GRID) + i for i, step in enumerate(ends) if step > 0}
    # Beyond the first part of the cooldown, a step of the grid may follow too closely upon a part to average.
    last = max(run.branch_step, min(parts) / 2 ** (1 / 3))
    grid = {step: i for i, step in enumerate(GRID) if step <= last}
    return dict(sorted((parts | grid).items()))


def held_out_slots(run: PlannedRun) -> dict[int, int]:
    """Return the steps before the last after which the held-out loss is noted, and in which slot each."""
    return {step: len(GRID) + PARTS + i for i, step in enumerate(HELD_OUT) if step < run.n_steps}


def curve_of(run: PlannedRun, notes: Sequence[float], loss: float) -> Curve:
    """Return the curve of a run that has ended with the held-out loss `loss`.

    Args:
        run: What was trained.
        notes: Sums of training losses and held-out losses by slot; infinite where none was noted.
        loss: NaN where the run has diverged: then the curve ends where the last finite note was taken.
    """
    held_out = {step: notes[slot] for step, slot in held_out_slots(run).items()} | {run.n_steps: loss}
    points = [
        *_means({step: notes[slot] for step, slot in train_slots(run).items()})[-MAX_POINTS:],
        *(CurvePoint("held_out", step, value) for step, value in held_out.items()),
    ]
    return tuple(point for point in points if math.isfinite(point.loss))


def _means(sums: dict[int, float]) -> list[CurvePoint]:
    """Return the mean loss of the steps between one note and the next."""
    ends = [(0, 0.0), *sums.items()]
    return [
        CurvePoint("train", step, (total - before) / (step - start))
        for (start, before), (step, total) in pairwise(ends)
    ]
