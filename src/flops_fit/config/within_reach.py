"""Which budgets a model can be trained at on its data: what to write where those of a spec cannot."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product

from flops_fit.components import Size
from flops_fit.config import memory
from flops_fit.config.flow import flow
from flops_fit.config.spec import DECADE, BudgetRange, SweepSpec
from flops_fit.config.subject import Subject
from flops_fit.errors import FlopsFitError

MAX_EPOCHS, HOPELESS_EPOCHS = 4.0, 16.0
"""Up to about four epochs, repeated data is worth nearly as much as new data.

Source: Muennighoff et al. 2023, arXiv:2305.16264, abstract; around 16 epochs they see returns diminish.
"""
FEWEST_RUNS, FEWEST_SIZES = 8, 3
LEAST_RANGE = 2.0
"""Times by which the most compute, and the largest size, must exceed the least for a fit."""
FEWEST_BUDGETS = 3
"""With `FEWEST_SIZES` each they are as many runs as a fit takes."""
ENOUGH_SIZES = 5
"""Sizes of one budget that place a minimum well."""
BYTES_PER_PARAM = 16
"""A weight, its gradient and AdamW's two moments, in fp32."""
ROOM = 4
"""Times over that the largest size suggested fits into memory, which activations and other workers share."""
ROUNDED_UP = 1.05
"""A number that is written in two digits does not fall short of what it stands for."""
_ROUND = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""What budgets that are suggested begin with."""
_UP_TO = (1e3, 1e6, 1e9, 1e12)
"""Parameters up to which the smallest sizes of a family are searched, in turn."""


def how_to_reach(subject: Subject, otherwise: str = "") -> str:
    """Say which budgets, and if need be which smaller batch, can be trained, or that data are lacking.

    Args:
        subject: A sweep whose own budgets cannot be trained.
        otherwise: What else may be done, and all that is said where no budgets are found.
    """
    advice = ""
    with suppress(FlopsFitError):  # what a component cannot do elsewhere is no reason to hide what is wrong
        advice = _to_reach(subject)
    return f"{advice} (or {otherwise})" if advice and otherwise else advice or otherwise


def _to_reach(subject: Subject) -> str:
    for batch_size in _halved(subject.spec.training.batch_size):
        smaller = _with_batch(batch_size, subject)
        if found := budgets_within_reach(smaller):
            return _told(found, smaller.spec, subject.spec)
    if least := _least_units(_with_batch(1, subject)):
        return (
            f"the least budgets of this model take {least:.2g} {subject.data.unit}s of training data: use as "
            "many, or let the model come in smaller sizes"
        )
    return ""


def _with_batch(batch_size: int, subject: Subject) -> Subject:
    training = subject.spec.training.model_copy(update={"batch_size": batch_size})
    return replace(subject, spec=subject.spec.model_copy(update={"training": training}))


def _told(found: BudgetRange, changed: SweepSpec, spec: SweepSpec) -> str:
    budgets = f"e.g. `budgets: {flow(found.model_dump())}`"
    if changed.training.batch_size < spec.training.batch_size:
        return f"write `training.batch_size: {changed.training.batch_size}` and {budgets}"
    if found.start > spec.budgets[0]:
        return f"raise the budgets, {budgets}"
    return f"{'lower' if found.stop < spec.budgets[-1] else 'change'} the budgets, {budgets}"


def budgets_within_reach(subject: Subject) -> BudgetRange | None:
    """Return the decade nearest to the spec's budgets at which a plan has runs that do not wear out the data.

    Each of its budgets has enough sizes that take `min_steps` steps, the largest of them fits into memory,
    and no run sees its data too often; None where no decade is so.
    """
    for epochs, n_sizes in product((MAX_EPOCHS, HOPELESS_EPOCHS), (ENOUGH_SIZES, FEWEST_SIZES)):
        if start := _Reach(subject, n_sizes, epochs).start(near=subject.spec.budgets[0]):
            return _decade(start, subject.spec)
    return None


def _least_units(subject: Subject) -> float | None:
    """Return the data of which the least budgets take `HOPELESS_EPOCHS`; None if no budgets are found."""
    start = _Reach(subject, FEWEST_SIZES, math.inf).start(near=0.0)
    if start is None:
        return None
    return ROUNDED_UP * most_units(_decade(start, subject.spec).budgets(), subject) / HOPELESS_EPOCHS


def smallest_sizes(subject: Subject, n_sizes: int) -> Sequence[Size]:
    """Return the smallest sizes that the family comes in, within the limits that the spec sets."""
    design = subject.spec.design
    sizes: Sequence[Size] = ()
    for up_to in _UP_TO:
        low, high = design.n_min or 1.0, min(up_to, design.n_max or math.inf)
        if low < high and len(sizes := subject.ladder(low, high)) >= n_sizes:
            break
    return sizes[:n_sizes]


def most_units(budgets: Sequence[float], subject: Subject) -> float:
    """Return the units of the run that sees most data, the smallest of its budget; 0 without runs."""
    smallest = [(budget, size) for budget in budgets for size in sizes_at(budget, subject)[:1]]
    return max((budget / subject.known_flops_per_unit(size) for budget, size in smallest), default=0.0)


def sizes_at(budget: float, subject: Subject) -> Sequence[Size]:
    """Return the sizes that `budget` may train."""
    design, middle = subject.spec.design, subject.spec.prior_n_params(budget)
    low = max(middle / design.window, design.n_min or 0.0)
    high = min(middle * design.window, design.n_max or math.inf)
    return subject.ladder(low, high) if low < high else ()


@dataclass(frozen=True, slots=True)
class _Reach:
    """Which decades of budgets train `n_sizes` sizes or more, none for more than so many epochs."""

    subject: Subject
    n_sizes: int
    epochs: float

    def start(self, *, near: float) -> float | None:
        """Return where the decade nearest to `near` starts; None where there is none.

        Steps and epochs grow with the budget, so that two searches find both ends of what can be trained.
        """
        starts = self._starts()
        first = bisect_left(starts, 1, key=self._has_steps)
        last = bisect_left(starts, 1, key=self._is_too_much) - 1
        if first > last:
            return None
        start = starts[min(max(bisect_left(starts, near), first), last)]
        sizes = (*sizes_at(start, self.subject), *sizes_at(DECADE * start, self.subject))
        return start if sizes[-1].n_params >= LEAST_RANGE * sizes[0].n_params else None

    def _starts(self) -> Sequence[float]:
        """List round numbers, from where the window takes the smallest sizes to where memory ends."""
        spec = self.subject.spec
        smallest = smallest_sizes(self.subject, self.n_sizes)
        if len(smallest) < self.n_sizes:
            return ()
        low = _budget_for(smallest[-1].n_params / spec.design.window, spec)
        largest = memory.host_free_bytes() / BYTES_PER_PARAM / ROOM
        high = _budget_for(largest / spec.design.window, spec) / DECADE
        if low > high:
            return ()
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = (float(f"{digit}e{power}") for power in powers for digit in _ROUND)
        return [start for start in found if low <= start <= high]

    def _has_steps(self, start: float) -> bool:
        spec = self.subject.spec
        per_step = spec.training.batch_size * self.subject.data.units_per_sample
        least = spec.design.min_steps * per_step
        sizes = sizes_at(start, self.subject)[: self.n_sizes]
        return all(start / self.subject.known_flops_per_unit(size) >= least for size in sizes)

    def _is_too_much(self, start: float) -> bool:
        decade, epoch = _decade(start, self.subject.spec), self.subject.data.n_units
        if len(sizes_at(decade.stop, self.subject)) < self.n_sizes:
            return True
        return epoch is not None and most_units(decade.budgets(), self.subject) > self.epochs * epoch


def _decade(start: float, spec: SweepSpec) -> BudgetRange:
    count = max(FEWEST_BUDGETS, len(spec.budgets))
    return BudgetRange(start=start, stop=DECADE * start, count=count)


def _budget_for(n_params: float, spec: SweepSpec) -> float:
    """Invert `SweepSpec.prior_n_params`: the budget whose prior optimum is `n_params`."""
    return 6 * spec.design.units_per_param * n_params**2


def _halved(number: int) -> Iterator[int]:
    while number:
        yield number
        number //= 2
