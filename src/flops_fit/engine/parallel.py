"""How a process takes its part in a run: its rows of each global batch, gradients averaged over all parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch

from flops_fit.components import Batch
from flops_fit.engine.batches import counted_units, n_rows
from flops_fit.engine.job import this_job

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The processes that train a run; one process alone takes its steps without Accelerate's wrappers."""

    n: int
    rank: int
    accelerator: Accelerator | None
    """None where its wrappers are bypassed."""

    @classmethod
    def of_this_job(cls, *, wrapped: bool = False) -> Self:
        """Return the processes of this job; `wrapped` sends a process through Accelerate even if alone."""
        job = this_job()
        wrapped = wrapped or job.n_processes > 1
        return cls(n=job.n_processes, rank=job.rank, accelerator=job.accelerator() if wrapped else None)

    def synchronised(self, module: torch.nn.Module) -> torch.nn.Module:
        """Return `module` with batch norms over the global batch."""
        if self.n == 1:
            return module
        converted: torch.nn.Module = torch.nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted

    def prepare(
        self, module: torch.nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[Callable[[Batch], Any], Callable[[torch.Tensor], None], torch.optim.Optimizer]:
        """Return the forward and backward pass and the optimiser of a step.

        The seed of `module` is the seed of the run on every process, so all start from the same weights. From
        here on noise (dropout) differs between processes, because their rows do.
        """
        if self.accelerator is None:
            return module, torch.Tensor.backward, optimizer
        if self.rank:
            torch.manual_seed(torch.initial_seed() + self.rank)
        forward, optimizer = self.accelerator.prepare(module, optimizer)
        return forward, self.accelerator.backward, optimizer

    def share(self, batch: Batch) -> tuple[Batch, float]:
        """Return this process's rows of a global batch, and the weight of their loss in the mean of all.

        The global loss is a mean over units, and labels of -100 may leave processes unequal numbers of them.
        """
        if self.n == 1:
            return batch, 1.0
        first, n_own = self.rank * n_rows(batch) // self.n, n_rows(batch) // self.n
        own = {name: value[first : first + n_own] for name, value in batch.items()}
        counted, of_all = counted_units(own), counted_units(batch)
        if of_all and not counted:  # no loss is a mean over nothing, but the others wait for our gradients
            return batch, 0.0
        return own, self.n * counted / of_all if of_all else 1.0

    def owns(self, i: int) -> bool:
        """Whether this process evaluates the i-th held-out batch."""
        return i % self.n == self.rank

    def all_equal(self, value: int) -> bool:
        """Whether every process holds the same value."""
        if self.n == 1 or self.accelerator is None:
            return True
        held = self.accelerator.gather(torch.tensor([value], device=self.accelerator.device))
        return len(set(held.tolist())) == 1

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over processes, the same on each."""
        if self.n == 1 or self.accelerator is None:
            return values
        summed: torch.Tensor = self.accelerator.reduce(values.double(), reduction="sum")
        return summed
