"""How budgets and runs are named in a message: a few of them, then how many more."""

from collections.abc import Sequence

import numpy as np

from flops_fit.text_columns import some

_NAMED = 4
_TIMES = 11.0
"""What is that many times as large is not told in percent."""
_BY_DESIGN = {
    False: "smaller sizes by a larger design.units_per_param or design.window",
    True: "larger sizes by a smaller design.units_per_param or a larger design.window",
}
"""The options of a sweep, by whether sizes lie above."""
ONE_KIND = "first make sure that all runs are of one kind (data, loss, units); then "
"""What to do before all else where an answer is absurd."""


def budgets_named(budgets: Sequence[float]) -> str:
    """Name budgets, FLOPs."""
    named = some([f"{flops:.3g}" for flops in budgets], _NAMED)
    return f"{named} {'budgets' if len(budgets) > _NAMED + 1 else 'FLOPs'}"


def off_by(miss: float) -> str:
    """Say by how much a loss is off, for ln loss less what was expected: +15.2%, or 90 times."""
    return f"{np.expm1(miss):+.1%}" if miss < np.log(_TIMES) else f"{np.exp(miss):.2g} times"


def sizes_beyond(bounds: Sequence[tuple[bool, float, float]]) -> str:
    """Say above or below which sizes to train, and how: whether above, the size, and the budget, for each."""
    named = [
        f"{'above' if above else 'below'} N = {n:.3g} at {flops:.3g} FLOPs"
        for above, n, flops in bounds[:_NAMED]
    ]
    sizes = ", ".join(named) + (", and so on" if len(bounds) > _NAMED else "")
    sides = sorted({above for above, _, _ in bounds})
    return sizes + "".join(f"; a sweep reaches {_BY_DESIGN[above]}" for above in sides)
