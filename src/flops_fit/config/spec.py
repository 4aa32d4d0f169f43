"""SweepSpec: one IsoFLOP sweep exactly as its author wrote it, checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction, ModelFamily
from flops_fit.config.flow import flow
from flops_fit.config.from_registry import FromRegistry
from flops_fit.config.rules import broken_rule

MIN_BUDGETS = 7
"""Fewer budgets leave the exponents to chance (docs/explanation/decisions/0002-thin-sweeps.md)."""

CLOSED = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class DesignSpec(BaseModel):
    """Which sizes each budget trains, around a prior guess of the compute-optimal size."""

    model_config = CLOSED

    sizes_per_budget: int = Field(default=10, ge=3)
    """Rungs of the ladder trained at each budget."""
    units_per_param: float = Field(default=20.0, gt=0)
    """Prior guess of D/N at the optimum; the centre of the sizes of a budget."""
    window: float = Field(default=8.0, gt=1)
    """Sizes reach from the prior optimum divided by this to the prior optimum times this."""
    n_min: float | None = Field(default=None, gt=0)
    """Smallest model to train, in parameters; by default the window decides."""
    n_max: float | None = Field(default=None, gt=0)
    """Largest model to train, in parameters; by default the window decides."""
    min_steps: int = Field(default=150, ge=1)
    """Cells with fewer optimiser steps than this are left out of the grid."""

    @field_validator("n_max")
    @classmethod
    def _some_size_lies_between(cls, n_max: float | None, info: ValidationInfo) -> float | None:
        n_min = info.data.get("n_min")
        if n_min is not None and n_max is not None and n_max <= n_min:
            raise broken_rule(
                f"n_max = {flow(n_max)} is not above n_min = {flow(n_min)}, which leaves no size to train",
                fix=f"write `n_max: {flow(10 * n_min)}` or more, or leave one of the two out",
                code="empty-size-range",
            )
        return n_max


class TrainingSpec(BaseModel):
    """How every run of the sweep is trained."""

    model_config = CLOSED

    lr: float | None = Field(default=None, gt=0)
    """Peak learning rate; by default the model family's own, which must suit every size."""
    batch_size: int = Field(default=32, ge=1)
    """Rows of one global batch."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of the steps spent on linear warm-up."""
    cooldown: float = Field(default=0.2, ge=0, le=1, validate_default=True)
    """Fraction of the steps spent on linear cooldown to zero."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's averaging constants."""
    eps: float = Field(default=1e-12, gt=0)
    """AdamW's eps; u-muP needs it far below the smallest gradient."""
    weight_decay: float = Field(default=0.0, ge=0, lt=1)
    """Fraction by which one step at the peak rate shrinks each weight, independent of the learning rate."""
    grad_clip: float | None = Field(default=None, gt=0)
    """Largest global gradient norm; off by default, because it would bind at some sizes and not at others."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Autocast precision; auto is bf16 on a GPU that has it and fp32 elsewhere."""
    eval_batch_size: int = Field(default=128, ge=1)
    """Rows of one evaluation batch; does not change the loss, only speed and memory."""
    workers: int | None = Field(default=None, ge=1)
    """Processes that train runs side by side; by default one per core on a CPU and one on a GPU."""

    @field_validator("cooldown")
    @classmethod
    def _schedule_fits_into_a_run(cls, cooldown: float, info: ValidationInfo) -> float:
        warmup = info.data.get("warmup", 0.0)
        if warmup + cooldown > 1:
            raise broken_rule(
                f"warmup = {warmup:g} and cooldown = {cooldown:g} take more than the whole run",
                fix=f"write `cooldown: {1 - warmup:g}` or less",
                code="schedule-too-long",
            )
        return cooldown

    @field_validator("betas")
    @classmethod
    def _betas_average(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise broken_rule(
                f"{betas[0]:g} and {betas[1]:g} are not both at least 0 and below 1",
                fix="write `betas: [0.9, 0.99]`",
                code="bad-betas",
            )
        return betas


class BudgetRange(BaseModel):
    """Budgets evenly spaced in log C."""

    model_config = CLOSED

    start: float = Field(gt=0)
    """Smallest budget, FLOPs."""
    stop: float = Field(gt=0)
    """Largest budget, FLOPs."""
    count: int = Field(default=MIN_BUDGETS, ge=2)
    """How many budgets, both ends included."""

    def budgets(self) -> tuple[float, ...]:
        """List the budgets, FLOPs."""
        ratio = self.stop / self.start
        inner = [self.start * ratio ** (i / (self.count - 1)) for i in range(1, self.count - 1)]
        return (self.start, *inner, self.stop)


def _spelt_out(budgets: object) -> object:
    return BudgetRange.model_validate(budgets).budgets() if isinstance(budgets, dict) else budgets


def _by_name(kind: str) -> Any:
    return Field(default=kind, validate_default=True)


class SweepSpec(BaseModel):
    """One IsoFLOP sweep. Frozen and closed: an unknown key is an error, and no stage edits a spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Annotated[ModelFamily, FromRegistry("model")]
    """Architecture to size."""
    data: Annotated[DataSource, FromRegistry("data")]
    """Training and held-out data."""
    loss: Annotated[LossFunction, FromRegistry("loss")] = _by_name("cross_entropy")
    """Training and evaluation loss."""
    flops: Annotated[FlopCounter, FromRegistry("flops")] = _by_name("traced")
    """How the compute of a run is counted."""
    fit: Annotated[FitForm, FromRegistry("fit")] = _by_name("auto")
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
    def _budgets_are_compute(cls, budgets: tuple[float, ...]) -> tuple[float, ...]:
        if bad := [budget for budget in budgets if not (budget > 0 and math.isfinite(budget))]:
            raise broken_rule(
                f"{flow(bad)} cannot be spent: a budget is a positive, finite number of FLOPs",
                fix="correct or remove them, e.g. `budgets: {start: 1e15, stop: 1e17, count: 7}`",
                code="bad-budget",
            )
        return budgets

    @field_validator("budgets")
    @classmethod
    def _budgets_increase(cls, budgets: tuple[float, ...]) -> tuple[float, ...]:
        if (ordered := tuple(sorted(set(budgets)))) != budgets:
            raise broken_rule(
                f"{flow(budgets)} is not strictly increasing",
                fix=f"write `budgets: {flow(ordered)}`",
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
                f"{len(budgets)} budgets, at least {MIN_BUDGETS} are needed to fit an exponent",
                fix="add budgets, or accept wide intervals with `allow_thin_sweep: true`",
                code="too-few-budgets",
            )
        return budgets

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

    def prior_n_params(self, flops: float) -> float:
        """Guess the compute-optimal size from C = 6·N·D and D = units_per_param·N."""
        return math.sqrt(flops / (6 * self.design.units_per_param))

    def n_params_range(self) -> tuple[float, float]:
        """Return the smallest and largest model that any budget may train."""
        low = self.design.n_min or self.prior_n_params(self.budgets[0]) / self.design.window
        high = self.design.n_max or self.prior_n_params(self.budgets[-1]) * self.design.window
        return low, high
