"""SweepSpec: one IsoFLOP sweep exactly as its author wrote it, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction, ModelFamily
from flops_fit.config.design import DesignSpec
from flops_fit.config.flow import flow
from flops_fit.config.from_registry import FromRegistry
from flops_fit.config.rules import CLOSED, Count, broken_rule, in_figures
from flops_fit.config.training import TrainingSpec

DECADE = 10.0
"""Largest over smallest of budgets that are suggested, at least."""
MIN_BUDGETS = 7
"""Fewer budgets leave the exponents to chance (docs/explanation/decisions/0002-thin-sweeps.md)."""

MOST_COUNTED_SEEDS = 10
"""A single number up to this says how many seeds; a larger one, such as 42, is one."""


class BudgetRange(BaseModel):
    """Budgets evenly spaced in log C."""

    model_config = CLOSED

    start: Count = Field(gt=0, examples=[1e15])
    """Smallest budget, FLOPs."""
    stop: Count = Field(gt=0, examples=[1e17])
    """Largest budget, FLOPs."""
    count: int = Field(default=MIN_BUDGETS, ge=2)
    """How many budgets, both ends included."""

    def budgets(self) -> tuple[float, ...]:
        """List the budgets, FLOPs."""
        ratio = self.stop / self.start
        inner = [self.start * ratio ** (i / (self.count - 1)) for i in range(1, self.count - 1)]
        return (self.start, *inner, self.stop)


def _spelt_out(budgets: object) -> object:
    """List the budgets of a range; refuse what cannot be spent, and show what is left without it."""
    if isinstance(budgets, dict):
        return _in_order(BudgetRange.model_validate(budgets)).budgets()
    if isinstance(budgets, str) or not isinstance(budgets, Iterable):
        raise _not_several(in_figures(budgets))
    given: tuple[Any, ...] = tuple(map(in_figures, budgets))
    if bad := [budget for budget in given if not _can_be_spent(budget)]:
        good = sorted({float(budget) for budget in given if _can_be_spent(budget)})
        raise broken_rule(
            f"{flow(bad)} cannot be spent: a budget is a positive, finite number of FLOPs",
            fix=f"correct or remove it, e.g. `budgets: {_enough(good)}`",
            code="bad-budget",
        )
    return given


def _in_order(asked: BudgetRange) -> BudgetRange:
    if asked.start > asked.stop:
        swapped = {"start": asked.stop, "stop": asked.start, "count": asked.count}
        raise broken_rule(
            f"start = {flow(asked.start)} is above stop = {flow(asked.stop)}",
            fix=f"write `budgets: {flow(swapped)}`",
            code="unsorted-budgets",
        )
    return asked


def _not_several(budget: Any) -> PydanticCustomError:
    stop = float(budget) if _can_be_spent(budget) else 1e17
    return broken_rule(
        f"found {flow(budget)}; a sweep trains at several budgets, to see what compute changes",
        fix=f"write e.g. `budgets: {_enough([stop])}`",
        code="bad-budget",
    )


def _can_be_spent(budget: Any) -> bool:
    try:
        return not isinstance(budget, bool) and 0 < float(budget) < math.inf
    except (TypeError, ValueError, OverflowError):
        return False


def _enough(budgets: Sequence[float]) -> str:
    """Write these budgets where they are enough, else a range that goes up to the largest of them."""
    if len(budgets) >= MIN_BUDGETS:
        return flow(list(budgets))
    stop = max(budgets, default=1e17)
    return flow({"start": min([*budgets, stop / DECADE]), "stop": stop, "count": MIN_BUDGETS})


def _by_name(kind: str) -> Any:
    return Field(default=kind, validate_default=True)


class SweepSpec(BaseModel):
    """One IsoFLOP sweep. Frozen and closed: an unknown key is an error, and no stage edits a spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Annotated[ModelFamily, FromRegistry("model")]
    """Architecture to size."""
    data: Annotated[DataSource, FromRegistry("data")]
    """Training and held-out data."""
    loss: Annotated[LossFunction, FromRegistry("loss", "cross_entropy")] = _by_name("cross_entropy")
    """Training and evaluation loss."""
    flops: Annotated[FlopCounter, FromRegistry("flops", "traced")] = _by_name("traced")
    """How the compute of a run is counted."""
    fit: Annotated[FitForm, FromRegistry("fit", "auto")] = _by_name("auto")
    """How losses become a law."""
    allow_thin_sweep: bool = False
    """Accept fewer than seven budgets. Intervals then rest on assumptions more than on runs."""
    budgets: Annotated[
        tuple[float, ...],
        BeforeValidator(_spelt_out, json_schema_input_type=tuple[float, ...] | BudgetRange),
        Field(examples=[{"start": 1e15, "stop": 1e17, "count": MIN_BUDGETS}]),
    ]
    """Compute of the runs of each IsoFLOP curve, FLOPs, strictly increasing."""
    seeds: tuple[int, ...] = (0,)
    """Every size is trained once per seed at every budget."""
    design: DesignSpec = DesignSpec()
    """Which sizes each budget trains."""
    training: TrainingSpec = TrainingSpec()
    """How every run is trained."""
    output_dir: Path = Path("flops-fit-out")
    """Where the sweep keeps its runs, law, plots and report."""

    @field_validator("budgets")
    @classmethod
    def _budgets_increase(cls, budgets: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if (ordered := tuple(sorted(set(budgets)))) != budgets:
            shown = flow(ordered) if info.data.get("allow_thin_sweep") else _enough(ordered)
            raise broken_rule(
                f"{flow(budgets)} is not strictly increasing",
                fix=f"write `budgets: {shown}`",
                code="unsorted-budgets",
            )
        return budgets

    @field_validator("budgets")
    @classmethod
    def _budgets_are_enough_for_an_exponent(
        cls, budgets: tuple[float, ...], info: ValidationInfo
    ) -> tuple[float, ...]:
        # An unreadable answer to `allow_thin_sweep` is a problem of its own, and is told first.
        if len(budgets) < MIN_BUDGETS and info.data.get("allow_thin_sweep") is False:
            raise broken_rule(
                f"{len(budgets)} of at least {MIN_BUDGETS} budgets, which it takes to fit an exponent",
                fix=f"write e.g. `budgets: {_enough(budgets)}`"
                + ", or accept wide intervals with `allow_thin_sweep: true`" * (len(budgets) > 1),
                code="too-few-budgets",
            )
        return budgets

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds_are_listed(cls, seeds: object) -> object:
        if isinstance(seeds, Integral):
            shown = list(range(max(1, int(seeds)))) if seeds <= MOST_COUNTED_SEEDS else [int(seeds)]
            raise broken_rule(
                f"{flow(int(seeds))} is one number; seeds are listed",
                fix=f"write `seeds: {flow(shown)}`",
                code="bad-seeds",
            )
        return seeds

    @field_validator("seeds")
    @classmethod
    def _seeds_are_distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise broken_rule(
                f"{flow(seeds)} is not a list of one or more different integers, all at least 0",
                fix=f"write `seeds: {list(range(max(1, len(seeds))))}`",
                code="bad-seeds",
            )
        return seeds

    @property
    def peak_lr(self) -> float:
        """Peak learning rate before scaling: as written, or the family's own, also while it is untuned."""
        lr = self.training.lr
        return lr if isinstance(lr, float) else self.model.default_lr

    def lr_of(self, n_params: float) -> float:
        """Return the peak learning rate of a model of `n_params` parameters."""
        scaling = self.training.lr_scaling
        return self.peak_lr * (n_params / scaling.at) ** scaling.exponent if scaling else self.peak_lr

    def loss_unit(self, unit: str) -> str:
        """Return the unit of the loss of data that come in units of `unit`."""
        return "unknown" if self.loss.unit == "unknown" else f"{self.loss.unit} per {unit}"

    def prior_n_params(self, flops: float) -> float:
        """Guess the compute-optimal size from C = 6·N·D and D = units_per_param·N."""
        return math.sqrt(flops / (6 * self.design.units_per_param))

    def n_params_range(self) -> tuple[float, float]:
        """Return the smallest and largest model that any budget may train."""
        low = self.design.n_min or self.prior_n_params(self.budgets[0]) / self.design.window
        high = self.design.n_max or self.prior_n_params(self.budgets[-1]) * self.design.window
        return low, high
