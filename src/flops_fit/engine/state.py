"""The state of a run in the middle: what its next step depends on, apart from what its plan says."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Self

import torch

from flops_fit.engine.reproducible import Generators

if TYPE_CHECKING:
    from flops_fit.engine.loop import Trainee

_OPTIMIZER = "optimizer."


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Weights, moments and generators after a number of steps."""

    run_id: str
    """The run for which the next two are counted."""
    n_units_taken: int
    """Units that were executed for it so far."""
    wall_s: float
    """Seconds that it took so far."""
    step: int
    n_units: int
    tensors: Mapping[str, torch.Tensor]
    generators: Generators

    @classmethod
    def of(cls, trainee: Trainee) -> Self:
        """Return the state of `trainee`; its tensors are the live ones, which the next step changes."""
        return cls(
            run_id=trainee.run.run_id,
            n_units_taken=trainee.n_units_taken,
            wall_s=time.perf_counter() - trainee.started,
            step=trainee.step,
            n_units=trainee.n_units,
            tensors=dict(_tensors(trainee)),
            generators=Generators.now(),
        )

    def copied(self) -> Self:
        """Return this state with tensors of its own, in the memory of the CPU."""
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.tensors.items()}
        return replace(self, tensors=tensors)

    def fits(self, trainee: Trainee) -> bool:
        """Whether this is a state of a model with the very tensors of this one."""
        theirs = {name: tensor.shape for name, tensor in _tensors(trainee) if not name.startswith(_OPTIMIZER)}
        ours = {
            name: tensor.shape for name, tensor in self.tensors.items() if not name.startswith(_OPTIMIZER)
        }
        return ours == theirs

    def put_back(self, trainee: Trainee) -> None:
        """Let `trainee` go on from here; its batches are opened anew.

        In place: whatever holds on to a tensor of the run, such as a gradient bucket, still holds it.
        """
        with torch.no_grad():
            for name, tensor in _tensors(trainee):
                if name in self.tensors and not name.startswith(_OPTIMIZER):
                    tensor.copy_(self.tensors[name])
            self._put_back_moments(trainee)
        trainee.stepper.forget()
        trainee.step, trainee.n_units = self.step, self.n_units
        is_its_own = trainee.run.run_id == self.run_id
        trainee.n_units_taken = self.n_units_taken if is_its_own else 0
        trainee.started = time.perf_counter() - (self.wall_s if is_its_own else 0.0)
        trainee.reopen_batches()
        trainee.module.train()
        self.generators.put_back()

    def _put_back_moments(self, trainee: Trainee) -> None:
        saved: dict[int, dict[str, torch.Tensor]] = defaultdict(dict)
        for name, tensor in self.tensors.items():
            if name.startswith(_OPTIMIZER):
                _, place, moment = name.split(".", 2)
                saved[int(place)][moment] = tensor
        live = [trainee.optimizer.state.get(param, {}) for param in _params(trainee)]
        if all(moments.keys() == saved[i].keys() for i, moments in enumerate(live)):
            for i, moments in enumerate(live):
                for moment, tensor in moments.items():
                    tensor.copy_(saved[i][moment])
        else:  # a new optimiser has no moments yet, and some begin only with a late first gradient
            groups = trainee.optimizer.state_dict()["param_groups"]
            filled = {i: dict(moments) for i, moments in saved.items() if moments}
            trainee.optimizer.load_state_dict({"state": filled, "param_groups": groups})


def _tensors(trainee: Trainee) -> Iterator[tuple[str, torch.Tensor]]:
    """Name every tensor that a step changes; buffers that a checkpoint of torch leaves out are among them."""
    yield "loss_sum", trainee.loss_sum
    yield "notes", trainee.notes
    for name, tensor in chain(trainee.module.named_parameters(), trainee.module.named_buffers()):
        yield f"model.{name}", tensor
    for i, param in enumerate(_params(trainee)):
        for name, tensor in trainee.optimizer.state.get(param, {}).items():
            yield f"{_OPTIMIZER}{i}.{name}", tensor


def _params(trainee: Trainee) -> list[torch.Tensor]:
    return [param for group in trainee.optimizer.param_groups for param in group["params"]]
