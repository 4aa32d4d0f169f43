"""What a sweep takes at the very least: its FLOPs at the speed at which this machine multiplies matrices."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from flops_fit.config.device import process_state, resolve_precision
from flops_fit.config.spec import SweepSpec
from flops_fit.engine.words import duration

if TYPE_CHECKING:
    import torch

A_DAY_S = 86_400.0
SLOW = 1e10
"""FLOPs per second that any machine reaches: below a day of them nothing is measured."""
_TRIES = 5


def warn_of_days(flops: float, spec: SweepSpec, *, n_processes: int) -> None:
    """Warn of a sweep that takes more than a day whatever its models; real ones take several times as long.

    Args:
        flops: What is left to execute.
        spec: In whose precision runs train.
        n_processes: Processes of the job, each with a device of its own.
    """
    if flops < A_DAY_S * SLOW:
        return
    speed = n_processes * peak_flops_per_s(spec)
    if flops > A_DAY_S * speed:
        logging.getLogger(__name__).warning(
            "These %.3g FLOPs take at least %s here: bare matrix products reach %.2g FLOPs per second, and "
            "training is slower. `flops-fit estimate` says by how much; smaller budgets need less.",
            flops,
            duration(flops / speed),
            speed,
        )


def peak_flops_per_s(spec: SweepSpec) -> float:
    """Return how fast a product of two matrices is on the device of this process, the best of a few."""
    import torch

    device = process_state().device
    side = 1024 if device.type == "cpu" else 8192
    dtype = torch.bfloat16 if resolve_precision(spec.training) == "bf16" else torch.float32
    matrix = torch.ones(side, side, device=device, dtype=dtype)
    return 2.0 * side**3 / min(_seconds(matrix) for _ in range(_TRIES))


def _seconds(matrix: torch.Tensor) -> float:
    import torch

    started = time.perf_counter()
    matrix @ matrix
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
