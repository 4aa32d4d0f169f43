"""What belongs to the whole process, and whether calls into a component leave it alone."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from flops_fit_conformance.breach import Breach


@contextmanager
def kept(call: str, *, torch_draws: bool = False) -> Iterator[None]:
    """Hold what happens in the block to changing nothing global.

    Args:
        call: What happens in the block, for the message.
        torch_draws: Whether it may draw from torch's global generator.

    Raises:
        Breach: something is not as it was; it is put back where that is possible.
    """
    before, dtype, filters = _state(), torch.get_default_dtype(), warnings.filters[:]
    with torch.random.fork_rng(devices=[]):
        yield
        after = _state()
    changed = [name for name, value in before.items() if after[name] != value]
    if torch_draws and TORCH in changed:
        changed.remove(TORCH)
    torch.set_default_dtype(dtype)
    warnings.filters[:] = filters  # type: ignore[index]
    if changed:
        raise Breach(found=f"{', '.join(changed)} changed", should="as before the call", call=call)


TORCH = "the state of torch's global generator"


def _state() -> dict[str, object]:
    return {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": str(torch.get_default_device()),
        "torch's number of threads": torch.get_num_threads(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's matmul precision": torch.get_float32_matmul_precision(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        TORCH: torch.random.get_rng_state().numpy().tobytes(),
        "the random state of numpy": str(np.random.get_state()),  # noqa: NPY002 - the one that all share
        "the random state of `random`": random.getstate(),
        "the working directory": os.getcwd(),  # noqa: PTH109 - a string to compare
        "the environment": dict(os.environ),
        "the warning filters": [repr(entry) for entry in warnings.filters],
    }
