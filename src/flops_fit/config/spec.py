"""SweepSpec: one IsoFLOP sweep exactly as its author wrote it, checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction, ModelFamily
from flops_fit.config.from_registry import FromRegistry

MIN_BUDGETS = 7
"""Fewer budgets leave the exponents to chance (docs/explanation/decisions/0002-thin-sweeps.md)."""


class DesignSpec(BaseModel):
    """Which sizes each budget trains, around a prior guess of the compute-optimal size."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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


class TrainingSpec(BaseModel):
    """How every run of the sweep is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    lr: float | None = Field(default=None, gt=0)
    """Peak learning rate; by default the model family's own, which must suit every size."""
    batch_size: int = Field(default=32, ge=1)
    """Rows of one global batch."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of the steps spent on linear warm-up."""
    cooldown: float = Field(default=0.2, ge=0, le=1)
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


def _by_name(kind: str) -> Any:  # noqa: ANN401 - a name where a component is due; validation looks it up
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
    budgets: tuple[float, ...]
    """Compute of the runs of each IsoFLOP curve, FLOPs, strictly increasing."""
    seeds: tuple[int, ...] = (0,)
    """Every size is trained once per seed at every budget."""
    design: DesignSpec = DesignSpec()
    """Which sizes each budget trains."""
    training: TrainingSpec = TrainingSpec()
    """How every run is trained."""
    output_dir: Path = Path("flops-fit-out")
    """Where the sweep keeps its runs, law, plots and report."""
    allow_thin_sweep: bool = False
    """Accept fewer than seven budgets. Intervals then rest on assumptions more than on runs."""

    def prior_n_params(self, flops: float) -> float:
        """Guess the compute-optimal size from C = 6·N·D and D = units_per_param·N."""
        return math.sqrt(flops / (6 * self.design.units_per_param))

    def n_params_range(self) -> tuple[float, float]:
        """Return the smallest and largest model that any budget may train."""
        low = self.design.n_min or self.prior_n_params(self.budgets[0]) / self.design.window
        high = self.design.n_max or self.prior_n_params(self.budgets[-1]) * self.design.window
        return low, high
