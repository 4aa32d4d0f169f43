"""The device that Accelerate names, and the precision in which runs train on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flops_fit.config.training import TrainingSpec

if TYPE_CHECKING:
    from accelerate import PartialState

Precision = Literal["fp32", "bf16"]


def process_state() -> PartialState:
    """Return Accelerate's view of this process: its device, and the other processes of its job, if any.

    The first call joins those others, and returns once all are there.
    """
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    # By itself PartialState does not read the variable that `accelerate launch --cpu` sets.
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def resolve_precision(training: TrainingSpec) -> Precision:
    """Return the precision that the spec asks for; `auto` is bf16 on a GPU that has it and fp32 elsewhere."""
    if training.precision != "auto":
        return training.precision
    import torch

    on_gpu = process_state().device.type == "cuda"
    return "bf16" if on_gpu and torch.cuda.is_bf16_supported() else "fp32"
