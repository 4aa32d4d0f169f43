"""Clauses about a FLOP counter: positive, growing with the model, and near what torch counts."""

from __future__ import annotations

from itertools import pairwise

from flops_fit.components import Size
from flops_fit.config import probe_flops
from flops_fit.config.subject import Subject
from flops_fit.errors import FlopsFitError
from flops_fit_conformance.breach import require, require_by_probe
from flops_fit_conformance.sweeps import built_in

FACTOR = 1.5
"""How far a counter may be from the traced count of a large model, either way: 6·N leaves out attention."""
LARGE = (1e7, 1e9)
"""Parameters of the model that is counted in two ways; of it only shapes are made."""


def check_flops_are_counted(sweep: Subject) -> None:
    """Each size costs a positive, finite number of FLOPs per unit, and none much less than the one before."""
    require_by_probe(
        probe_flops.check_flops,
        sweep,
        should="positive numbers that do not fall along the ladder",
        call=f"{sweep.spec.flops!r}.train_flops_per_unit({sweep.model}, size, {sweep.source})",
    )


def check_flops_grow_with_the_model(sweep: Subject) -> None:
    """More parameters cost more FLOPs: a size twice as large as another costs more than it."""
    counts = [(size, sweep.flops_per_unit(size)) for size in sweep.sizes]
    wrong = [
        f"{b.name} ({b.n_params:,} parameters) costs {b_flops:.4g}, {a.name} ({a.n_params:,}) {a_flops:.4g}"
        for (a, a_flops), (b, b_flops) in pairwise(counts)
        if b.n_params >= 2 * a.n_params and b_flops <= a_flops
    ]
    require(
        not wrong,
        found="; ".join(wrong),
        should="more FLOPs for more parameters",
        call=f"{sweep.spec.flops!r}.train_flops_per_unit(...)",
    )


def check_flops_are_repeatable(sweep: Subject) -> None:
    """A count is a function of its arguments."""
    size = sweep.sizes[0]
    first, again = sweep.flops_per_unit(size), sweep.flops_per_unit(size)
    require(
        first == again,
        found=f"{first} and {again}",
        should="one count",
        call=f"{sweep.spec.flops!r}.train_flops_per_unit(..., {size.name}, ...), twice",
    )


def check_flops_agree_with_tracing(sweep: Subject) -> None:
    """Of a large model the count is within a factor of 1.5 of what torch counts on the meta device.

    Where the model uses operations that torch cannot count, the counter is the only one, and this is passed.
    """
    large = list(sweep.spec.model.ladder(*LARGE, sweep.data))[:1] or list(sweep.sizes[-1:])
    for size in large:
        traced = _traced(sweep, size)
        if traced is None:
            return
        counted = sweep.flops_per_unit(size)
        require(
            traced / FACTOR <= counted <= traced * FACTOR,
            found=f"{counted:.4g} FLOPs per {sweep.data.unit}",
            should=f"within a factor {FACTOR:g} of {traced:.4g}, forward and backward traced on shapes",
            call=f"{sweep.spec.flops!r}.train_flops_per_unit({sweep.model}, {size.name}, {sweep.source})",
        )


def _traced(sweep: Subject, size: Size) -> float | None:
    try:
        flops: float = built_in("flops", "traced").train_flops_per_unit(  # type: ignore[attr-defined]
            sweep.spec.model, size, sweep.spec.data
        )
    except FlopsFitError:
        return None
    return flops
