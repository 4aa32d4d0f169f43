"""The state of a run in the middle: what its next step depends on, apart from what its plan says."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Self

import torch

from flops_fit.engine.loop import Trainee
from flops_fit.engine.reproducible import Generators


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Weights, moments and generators after a number of steps, copied to the memory of the CPU."""

    step: int
    n_units: int
    tensors: dict[str, torch.Tensor]
    generators: Generators

    @classmethod
    def of(cls, trainee: Trainee) -> Self:
        """Copy the state of `trainee`."""
        return cls(
            step=trainee.step,
            n_units=trainee.n_units,
            tensors={name: _copied(tensor) for name, tensor in _tensors(trainee)},
            generators=Generators.now(),
        )

    def put_back(self, trainee: Trainee) -> None:
        """Let `trainee`, which has taken steps since, go on from here; its batches are opened anew.

        In place: whatever holds on to a tensor of the run, such as a gradient bucket, still holds it.
        """
        with torch.no_grad():
            for name, tensor in [*_tensors(trainee)]:
                if name in self.tensors:
                    tensor.copy_(self.tensors[name])
            for i, param in enumerate(_params(trainee)):
                if not any(name.startswith(f"optimizer.{i}.") for name in self.tensors):
                    trainee.optimizer.state.pop(param, None)  # its first gradient came later
        trainee.step, trainee.n_units = self.step, self.n_units
        trainee.reopen_batches()
        trainee.module.train()
        self.generators.put_back()


def _tensors(trainee: Trainee) -> Iterator[tuple[str, torch.Tensor]]:
    """Name every tensor that a step changes; buffers that a checkpoint of torch leaves out are among them."""
    yield "loss_sum", trainee.loss_sum
    for name, tensor in chain(trainee.module.named_parameters(), trainee.module.named_buffers()):
        yield f"model.{name}", tensor
    for i, param in enumerate(_params(trainee)):
        for name, tensor in trainee.optimizer.state.get(param, {}).items():
            yield f"optimizer.{i}.{name}", tensor


def _params(trainee: Trainee) -> list[torch.Tensor]:
    return [param for group in trainee.optimizer.param_groups for param in group["params"]]


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True)
