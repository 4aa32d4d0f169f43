"""What makes a run come out the same wherever it is trained: its seed, one thread, no denormals."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Train under `seed` alone, and leave the process as it was found.

    One thread, because the order of a sum depends on the number of threads. Denormals count as zero,
    because they slow a CPU down a hundredfold when gradients get tiny.
    """
    threads, python_state = torch.get_num_threads(), random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - a user's data set may draw from it
    with torch.random.fork_rng(devices=_devices()):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - same
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002 - same


@dataclass(frozen=True, slots=True, kw_only=True)
class Generators:
    """Where the random generators of a run stand that its model, its data or its loss may draw from."""

    cpu: torch.Tensor
    cuda: torch.Tensor | None
    """Of the current device."""
    numpy: dict[str, Any]
    python: tuple[Any, ...]

    @classmethod
    def now(cls) -> Self:
        """Return where they stand."""
        return cls(
            cpu=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
            numpy=_numpy_state(),
            python=random.getstate(),
        )

    def put_back(self) -> None:
        """Let them go on from here."""
        torch.set_rng_state(self.cpu)
        if self.cuda is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(self.cuda)
        np.random.set_state(self.numpy)  # noqa: NPY002 - same
        random.setstate(self.python)


def _numpy_state() -> dict[str, Any]:
    """Return the state of numpy's global generator as JSON values."""
    state: dict[str, Any] = dict(np.random.get_state(legacy=False))  # noqa: NPY002 - users draw from it
    return state | {"state": state["state"] | {"key": state["state"]["key"].tolist()}}


def _devices() -> list[int]:
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []
