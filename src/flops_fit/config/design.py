"""DesignSpec: which sizes each budget trains."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from flops_fit.config.flow import flow
from flops_fit.config.rules import CLOSED, Count, broken_rule


class DesignSpec(BaseModel):
    """Which sizes each budget trains, around a prior guess of the compute-optimal size."""

    model_config = CLOSED

    sizes_per_budget: int = Field(default=10, ge=3)
    """Rungs of the ladder trained at each budget."""
    units_per_param: float = Field(default=20.0, gt=0)
    """Prior guess of D/N at the optimum; the centre of the sizes of a budget."""
    window: float = Field(default=8.0, gt=1)
    """Sizes reach from the prior optimum divided by this to the prior optimum times this."""
    n_min: Count | None = Field(default=None, gt=0)
    """Smallest model to train, in parameters; by default the window decides."""
    n_max: Count | None = Field(default=None, gt=0)
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
