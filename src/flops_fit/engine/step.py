"""One optimiser step: taken operation by operation, or recorded once on a CUDA device and replayed.

A step of a small model is a few hundred kernels of some microseconds each, and to launch them one by one
takes longer than to run them. A CUDA graph launches them all at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import torch

from flops_fit.components import Batch, LossFunction
from flops_fit.engine.reproducible import Generators

WARM_UP = 3
"""Steps taken one operation at a time before one is recorded: they make moments, workspaces and choices.

Source: three in the example of https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture
"""


@dataclass(slots=True, kw_only=True)
class Update:
    """What a step works on."""

    forward: Callable[[Batch], Any]
    backward: Callable[[torch.Tensor], None]
    loss: LossFunction
    optimizer: torch.optim.Optimizer
    precision: AbstractContextManager[Any]
    clipped: tuple[torch.nn.Parameter, ...]
    """The parameters whose gradients are clipped together; empty where none are."""
    grad_clip: float
    loss_sum: torch.Tensor
    """To which the loss of each step is added, in place."""

    def __call__(self, batch: Batch, weight: float) -> None:
        """Move the weights at the rates that the optimiser holds, by `weight` times the gradient."""
        with self.precision:
            loss = self.loss(self.forward(batch), batch)
        if weight != 1.0:
            loss = loss * weight
        self.backward(loss)
        if self.clipped:
            torch.nn.utils.clip_grad_norm_(self.clipped, self.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss_sum += loss.detach()


class Step(Protocol):
    """How a step is taken."""

    def take(self, batch: Batch, weight: float, factor: float) -> None:
        """Take one step at `factor` times the peak learning rates."""
        ...

    def forget(self) -> None:
        """Hold on to nothing about the optimiser: its state may be replaced now."""
        ...


class Eager:
    """Steps taken one operation at a time."""

    def __init__(self, update: Update) -> None:
        self.update = update
        self.peak_lrs = tuple(float(group["lr"]) for group in update.optimizer.param_groups)

    def take(self, batch: Batch, weight: float, factor: float) -> None:
        """Take one step."""
        for group, peak_lr in zip(self.update.optimizer.param_groups, self.peak_lrs, strict=True):
            group["lr"] = peak_lr * factor
        self.update(batch, weight)

    def forget(self) -> None:
        """Do nothing: a step holds on to nothing."""


class Recorder(Protocol):
    """What can record the work of a device."""

    def aside(self) -> AbstractContextManager[None]:
        """Return the context in which the steps before a recording are taken."""
        ...

    def record(self, work: Callable[[], None]) -> Callable[[], object]:
        """Return what does `work` again, without having done it; RuntimeError where it cannot be recorded."""
        ...


class Recorded:
    """Steps of which the first few are taken one operation at a time, and the rest replay a recording.

    What a recording holds is frozen: the shapes of the batch, and whatever Python decided. A batch of other
    shapes is therefore taken by itself, and a model that draws random numbers on the CPU is never recorded.
    """

    def __init__(self, eager: Eager, recorder: Recorder) -> None:
        self._eager, self._recorder = eager, recorder
        self._n_taken, self._recordable = 0, True
        self._recording: _Recording | None = None

    @property
    def replays(self) -> bool:
        """Whether there is a recording, which the next step replays if its batch fits."""
        return self._recording is not None

    def take(self, batch: Batch, weight: float, factor: float) -> None:
        """Take one step."""
        if self._recording is None and self._recordable and self._n_taken >= WARM_UP:
            self._recording = self._try_to_record(batch)
        if self._recording is not None and weight == 1.0 and self._recording.fits(batch):
            self._recording.replay(batch, factor)
        else:
            self._take_aside(batch, weight, factor)

    def forget(self) -> None:
        """Drop the recording, which writes to the very tensors that the optimiser held."""
        self._recording, self._n_taken = None, 0

    def _take_aside(self, batch: Batch, weight: float, factor: float) -> None:
        self._n_taken += 1
        if self._recordable and self._n_taken == WARM_UP:
            before = _drawn_on_the_host()
            self._take_eagerly(batch, weight, factor)
            if _drawn_on_the_host() != before:
                self._give_up("the model or the loss draws random numbers on the CPU")
        else:
            self._take_eagerly(batch, weight, factor)

    def _take_eagerly(self, batch: Batch, weight: float, factor: float) -> None:
        with self._recorder.aside() if self._recordable else nullcontext():
            self._eager.take(batch, weight, factor)

    def _try_to_record(self, batch: Batch) -> _Recording | None:
        try:
            return _Recording(self._eager, batch, self._recorder)
        except RuntimeError as error:
            self._eager.update.optimizer.zero_grad()
            self._give_up(str(error).partition("\n")[0])
            return None

    def _give_up(self, reason: str) -> None:
        self._recordable = False
        _tell(reason)


class _Recording:
    """One step on buffers that stay where they are: the batch, and the fraction of the peak rates."""

    def __init__(self, eager: Eager, batch: Batch, recorder: Recorder) -> None:
        device = eager.update.loss_sum.device
        self._batch = {name: tensor.clone() for name, tensor in batch.items()}
        self._factor = torch.ones((), device=device)
        peaks = torch.tensor(eager.peak_lrs, device=device)
        lrs = peaks.clone()

        def work() -> None:
            torch.mul(peaks, self._factor, out=lrs)
            with _rates_in(lrs, eager.update.optimizer):
                eager.update(self._batch, 1.0)

        self._replay = recorder.record(work)

    def fits(self, batch: Batch) -> bool:
        """Whether `batch` can take the place of the recorded one."""
        return batch.keys() == self._batch.keys() and all(
            (batch[name].shape, batch[name].dtype) == (tensor.shape, tensor.dtype)
            for name, tensor in self._batch.items()
        )

    def replay(self, batch: Batch, factor: float) -> None:
        """Take the recorded step on `batch`."""
        for name, tensor in self._batch.items():
            tensor.copy_(batch[name])
        self._factor.fill_(factor)
        self._replay()


@contextmanager
def _rates_in(lrs: torch.Tensor, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let `optimizer` read its rates from a tensor, and let it be recorded: it refuses that by default."""
    before = [(group["lr"], group["capturable"]) for group in optimizer.param_groups]
    for group, lr in zip(optimizer.param_groups, lrs.unbind(), strict=True):
        group["lr"], group["capturable"] = lr, True
    try:
        yield
    finally:
        for group, (lr, capturable) in zip(optimizer.param_groups, before, strict=True):
            group["lr"], group["capturable"] = lr, capturable


class CudaGraphs:
    """Records with CUDA graphs, on a stream of its own."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let work go on on this stream, after what was asked for before and before what will be after."""
        around = torch.cuda.current_stream()
        self._stream.wait_stream(around)
        with torch.cuda.stream(self._stream):
            yield
        around.wait_stream(self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], object]:
        """Return the replay of a graph; the generator of the device draws on in each."""
        graph = torch.cuda.CUDAGraph()
        with self.aside(), torch.cuda.graph(graph, stream=self._stream):
            work()
        return graph.replay


def _drawn_on_the_host() -> tuple[object, ...]:
    """Return where the generators stand from which a replay would not draw."""
    now = Generators.now()
    return now.cpu.tolist(), now.numpy, now.python


@cache
def _tell(reason: str) -> None:
    """Say once per process why steps are not replayed."""
    logging.getLogger(__name__).warning(
        "Steps are launched one operation at a time, because a CUDA graph cannot hold them: %s", reason
    )
