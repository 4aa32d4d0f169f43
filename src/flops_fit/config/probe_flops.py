"""Probes of the FLOP counter: positive, growing with the model, and compared with a traced count."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

from flops_fit.components import FlopCounter, Size
from flops_fit.config.subject import Subject
from flops_fit.errors import FlopsFitError, PluginError
from flops_fit.plugins import registry

SHRINK = 0.8
"""A larger size may cost this fraction of the one before: deep and narrow beside shallow and wide."""
AGREEMENT = 0.1
"""Relative distance from the traced count above which the counters are said to differ."""


def check_flops(subject: Subject) -> None:
    """Count every size; refuse counts that are no positive numbers or that fall as the model grows."""
    counts = subject.flops_by_size
    wrong = [
        f"{size.name} costs {flops} FLOPs per {subject.data.unit}"
        for size, flops in counts
        if not (math.isfinite(flops) and flops > 0)
    ]
    wrong = wrong or [
        f"{b.name} ({b.n_params:,} parameters) costs {b_flops:.3g}, less than {a.name} at {a_flops:.3g}"
        for (a, a_flops), (b, b_flops) in pairwise(counts)
        if b_flops < SHRINK * a_flops
    ]
    if wrong:
        raise PluginError(
            f"{subject.spec.flops.label} counts FLOPs that cannot be: {'; '.join(wrong)}.",
            fix="use `flops: {kind: traced}`, or correct the counter",
            code="bad-flops",
        )
    if subject.spec.flops.kind != "traced":
        _compare_with_traced(subject)


def _compare_with_traced(subject: Subject) -> None:
    """Note where another counter departs from the traced count at either end of the ladder."""
    ends = (subject.flops_by_size[0], subject.flops_by_size[-1])
    try:
        ratios = [flops / _traced(size, subject) for size, flops in ends]
    except FlopsFitError as failure:
        subject.caveats.append(
            f"FLOPs are those of {subject.spec.flops.label} and were not traced: {failure.problem}"
        )
        return
    if any(abs(ratio - 1) > AGREEMENT for ratio in ratios):
        subject.caveats.append(
            f"{subject.spec.flops.label} counts {ratios[0]:.2f} (smallest size) to {ratios[1]:.2f} (largest "
            "size) times the FLOPs of a traced training step; the optimum moves with the counter."
        )


def _traced(size: Size, subject: Subject) -> float:
    traced = cast("type[FlopCounter]", registry().find("flops", "traced"))
    return traced.model_validate({}).train_flops_per_unit(subject.spec.model, size, subject.spec.data)
