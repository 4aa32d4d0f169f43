"""Probes of the ladder: sizes in order, enough of them, and parameter counts that are true."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flops_fit.components import Size
from flops_fit.config.flow import flow
from flops_fit.config.memory import host_free_bytes, in_words
from flops_fit.config.on_meta import n_trainable
from flops_fit.config.spec import DECADE, SweepSpec
from flops_fit.config.subject import Subject
from flops_fit.errors import PluginError, SpecError

ROUNDED_UP = 1.05
WANTED = 5
"""Sizes that the smallest budget suggested trains: enough to place a minimum."""
SHOWN = 3
"""How many wrong sizes a message lists."""
BYTES_PER_PARAM = 16
"""A weight, its gradient and AdamW's two moments, in fp32."""
EPOCHS = 4
"""Times that a run of the budgets suggested sees its data at most, about."""
ROOM = 4
"""Times over that the largest size suggested fits into memory, which activations and other workers share."""

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
    smallest, free = subject.sizes[0], host_free_bytes()
    if (needed := BYTES_PER_PARAM * smallest.n_params) > free:
        raise SpecError(
            f"the smallest size that these budgets train, {smallest.name} with {smallest.n_params:.3g} "
            f"parameters, takes {in_words(needed)} with its gradients and AdamW's moments; "
            f"this machine has {in_words(free)} free",
            fix=_how_to_fit(free / BYTES_PER_PARAM / ROOM, subject),
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
        f"budgets ask for; at least 2 are needed. {_extent(nearby)}",
        fix=_MORE_SIZES if subject.sizes == nearby and nearby else _how_to_reach(nearby, subject),
        code="too-few-sizes",
    )


def _extent(nearby: Sequence[Size]) -> str:
    if not nearby:
        return "There is none nearby either."
    first, last = nearby[0], nearby[-1]
    return f"Nearby it goes from {first.name} ({first.n_params:,}) to {last.name} ({last.n_params:,})."


def _how_to_reach(nearby: Sequence[Size], subject: Subject) -> str:
    """Name the field of the design to change, with a value that reaches the family's sizes."""
    spec, (low, high) = subject.spec, subject.spec.n_params_range()
    if spec.design.n_min is not None or spec.design.n_max is not None:
        return "change or remove `design.n_min` and `design.n_max`"
    if not nearby:
        return "change the options of the model so that it comes in sizes of that range, or change `budgets`"
    if nearby[-1].n_params < high:
        return f"lower {_decade(_budget_for(nearby[-1].n_params / spec.design.window, spec) / DECADE, spec)}"
    if nearby[0].n_params > low and (budget := _least_budget(nearby[0], subject)):
        return f"raise {_decade(budget, spec)}"
    if nearby[0].n_params > low:
        return "lower `training.batch_size` or `design.min_steps`: no budget gives these sizes enough steps"
    return f"raise `design.window` (now {spec.design.window:g})"


def _how_to_fit(n_params: float, subject: Subject) -> str:
    """Name what to change so that the largest size has `n_params`, and no run sees its data too often."""
    spec, epoch = subject.spec, subject.data.n_units
    if spec.design.n_min is not None:
        return f"lower `design.n_min` (now {spec.design.n_min:.3g}), or plan on a machine with more memory"
    stop = _budget_for(n_params / spec.design.window, spec)
    if epoch is not None:  # the smallest size of a budget C sees window·√(C·units_per_param/6)
        most = 6 / spec.design.units_per_param * (EPOCHS * epoch / spec.design.window) ** 2
        stop = min(stop, most)
    return f"lower {_decade(stop / DECADE / ROUNDED_UP, spec)}, or plan on a machine with more memory"


def _decade(start: float, spec: SweepSpec) -> str:
    """Write a decade of as many budgets as the spec has; rounded up, because less may not do."""
    lowest = float(f"{start * ROUNDED_UP:.1e}")
    budgets = {"start": lowest, "stop": DECADE * lowest, "count": len(spec.budgets)}
    return f"the budgets, e.g. `budgets: {flow(budgets)}`"


def _budget_for(n_params: float, spec: SweepSpec) -> float:
    """Invert `SweepSpec.prior_n_params`: the budget whose prior optimum is `n_params`."""
    return 6 * spec.design.units_per_param * n_params**2


def _least_budget(first: Size, subject: Subject) -> float | None:
    """Find a budget that trains enough sizes of a family that begins with `first`; None if none does."""
    spec = subject.spec
    budget = _budget_for(first.n_params * spec.design.window, spec)  # from here on the window is full
    units = spec.design.min_steps * spec.training.batch_size * subject.data.units_per_sample
    while len(sizes := _smallest_at(budget, subject)) > 1:
        if budget >= units * subject.flops_per_unit(sizes[-1]):
            return budget
        budget *= 2
    return None


def _smallest_at(budget: float, subject: Subject) -> Sequence[Size]:
    """Return the smallest sizes that `budget` may train, as many as a minimum takes."""
    middle, window = subject.spec.prior_n_params(budget), subject.spec.design.window
    return subject.ladder(middle / window, middle * window)[:WANTED]
