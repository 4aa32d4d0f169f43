"""Probes of the ladder: sizes in order, enough of them, and parameter counts that are true."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flops_fit.components import Size
from flops_fit.config import memory
from flops_fit.config.on_meta import n_trainable
from flops_fit.config.subject import Subject
from flops_fit.config.within_reach import BYTES_PER_PARAM, how_to_reach, smallest_sizes
from flops_fit.errors import PluginError, SpecError

SHOWN = 3
"""How many wrong sizes a message lists."""

_MORE_SIZES = "let the model come in more sizes, five or more, in Python by `model_sizes`"
"""The fix where it has one, in the right place."""


def check_ladder(subject: Subject) -> None:
    """Refuse a ladder that is out of order or out of range, or has fewer than two sizes in range."""
    sizes, (low, high) = subject.sizes, subject.spec.n_params_range()
    if len(sizes) < 2:
        raise _too_few(subject)
    wrong = [
        f"{b.name} ({b.n_params}) follows {a.name} ({a.n_params})"
        for a, b in pairwise(sizes)
        if b.n_params <= a.n_params or b.name == a.name
    ]
    wrong += [f"{s.name} ({s.n_params}) is out of range" for s in sizes if not low <= s.n_params <= high]
    if wrong:
        raise PluginError(
            f"{subject.model}.ladder({low:.3g}, {high:.3g}) is not strictly increasing within its "
            f"range: {'; '.join(wrong[:SHOWN])}.",
            fix="return sizes with n_min <= n_params <= n_max, each larger than the one before, named apart",
            code="bad-ladder",
        )


def check_memory(subject: Subject) -> None:
    """Refuse budgets whose smallest size takes more than the memory of this machine, before it is built."""
    smallest, free = subject.sizes[0], memory.host_free_bytes()
    if (needed := BYTES_PER_PARAM * smallest.n_params) > free:
        raise SpecError(
            f"the smallest size that these budgets train, {smallest.name} with {smallest.n_params:.3g} "
            f"parameters, takes {memory.in_words(needed)} with its gradients and AdamW's moments; "
            f"this machine has {memory.in_words(free)} free",
            fix=_how_to_fit(subject),
            code="smallest-size-too-large",
        )


def check_counts(subject: Subject) -> None:
    """Compare the parameters that the ladder promises with those of the built modules."""
    built = [(size, n_trainable(subject.shape_of(size))) for size in subject.sizes]
    built.append((subject.sizes[0], n_trainable(subject.smallest())))
    wrong = [f"{size.name} says {size.n_params}, has {n}" for size, n in built if n != size.n_params]
    if wrong:
        raise PluginError(
            f"{subject.model} counts its trainable parameters wrongly for {len(wrong)} of "
            f"{len(built)} builds: {'; '.join(wrong[:SHOWN])}.",
            fix="make Size.n_params the sum of numel over the trainable parameters, shared ones once",
            code="wrong-parameter-count",
        )


def _too_few(subject: Subject) -> SpecError:
    low, high = subject.spec.n_params_range()
    nearby = subject.ladder(low / 100, high * 10)
    found = f"{len(subject.sizes)} size{'' if len(subject.sizes) == 1 else 's'}"
    return SpecError(
        f"model {subject.model} has {found} between {low:.3g} and {high:.3g} parameters, which is what the "
        f"budgets ask for; at least 2 are needed. {_extent(nearby, smallest_sizes(subject, 1))}",
        fix=_how_to_find_more(nearby, subject),
        code="too-few-sizes",
    )


def _extent(nearby: Sequence[Size], smallest: Sequence[Size]) -> str:
    if not nearby:
        return "".join(f"Its smallest is {size.name} ({size.n_params:,})." for size in smallest)
    first, last = nearby[0], nearby[-1]
    return f"Nearby it goes from {first.name} ({first.n_params:,}) to {last.name} ({last.n_params:,})."


def _how_to_find_more(nearby: Sequence[Size], subject: Subject) -> str:
    """Name what to change so that the sizes of the family and those that the budgets ask for meet."""
    design = subject.spec.design
    if design.n_min is not None or design.n_max is not None:
        return how_to_reach(subject, "change or remove `design.n_min` and `design.n_max`")
    if nearby and subject.sizes == nearby:
        return _MORE_SIZES
    return how_to_reach(subject) or (
        f"lower `training.batch_size` or `design.min_steps`, raise `design.window` (now {design.window:g}), "
        f"or {_MORE_SIZES}"
    )


def _how_to_fit(subject: Subject) -> str:
    """Name what to change so that the sizes fit into memory, and no run sees its data too often."""
    design = subject.spec.design
    lower = f"lower `design.n_min` (now {design.n_min:.3g})" if design.n_min else how_to_reach(subject)
    return " or ".join([*filter(None, [lower]), "plan on a machine with more memory"])
