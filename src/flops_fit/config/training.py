"""TrainingSpec: how every run of a sweep is trained."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from flops_fit.config.rules import CLOSED, Count, broken_rule


class RateScaling(BaseModel):
    """How the learning rate changes with the size: `lr` times (N/at) to the power of `exponent`."""

    model_config = CLOSED

    at: Count = Field(gt=0)
    """Parameters of a model that trains at `lr` itself."""
    exponent: float
    """Usually negative: without a parametrisation such as u-muP, larger models want lower rates."""


class TrainingSpec(BaseModel):
    """How every run of the sweep is trained."""

    model_config = CLOSED

    lr: Annotated[float, Field(gt=0)] | Literal["auto"] | None = Field(default=None, examples=["auto"])
    """Peak learning rate; by default the family's own, which must suit every size; auto tunes it first."""
    lr_scaling: RateScaling | None = None
    """How the rate changes with the size; by default not, or as the trials of `lr: auto` say that it must."""
    batch_size: int = Field(default=32, ge=1)
    """Rows of one global batch."""
    schedule: Literal["wsd", "cosine"] = "wsd"
    """wsd (warm-up, stable, decay) keeps the rate until the cooldown; a cosine falls from the warm-up on."""
    mode: Literal["trunks", "alone"] = Field(default="trunks", validate_default=True)
    """Whether the runs of one size share their steps up to each cooldown, or each starts from scratch."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of the steps spent on linear warm-up; of the shortest run of each size, for all its runs."""
    cooldown: float = Field(default=0.18, ge=0, le=1, validate_default=True)
    """Fraction of the steps spent on the cooldown to zero; a cosine has none."""
    cooldown_shape: Literal["linear", "1-sqrt"] = "linear"
    """How the rate falls during the cooldown."""
    checkpoint_s: float = Field(default=60.0, gt=0)
    """Seconds between two checkpoints of a run; one is also written where a trunk branches off."""
    audit: int = Field(default=1, ge=0)
    """Cells that are trained a second time, alone, to show that sharing steps changes no loss."""
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
    """Processes that train runs side by side; by default one per core, and up to 4 on a GPU with room."""
    cuda_graph: bool = True
    """Whether a GPU replays one recorded step; not for a model that counts its own steps in Python."""
    log_with: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Experiment trackers that each run is sent to as it ends."""

    @field_validator("mode")
    @classmethod
    def _only_a_constant_rate_is_shared(cls, mode: str, info: ValidationInfo) -> str:
        if mode == "trunks" and info.data.get("schedule") == "cosine":
            raise broken_rule(
                "runs under a cosine share no steps, because each falls from its first step towards its last",
                fix="write `mode: alone`, or `schedule: wsd`",
                code="cosine-in-trunks",
            )
        return mode

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
