"""Real components that train in milliseconds: a ladder of MLPs on points of a known function.

A module of its own, because worker processes import what a spec is made of.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch

from flops_fit.components import (
    Batch,
    DataSource,
    DataSpec,
    FitForm,
    FlopCounter,
    LossFunction,
    ModelFamily,
    Size,
)

N_INPUTS = 8


class Points(DataSource):
    """Points of a fixed random function, with a little noise."""

    kind: Literal["points"] = "points"
    n_train: int = 4096
    n_eval: int = 300
    ends_after: int | None = None

    def spec(self) -> DataSpec:
        return DataSpec(
            unit="sample", units_per_sample=1, n_units=self.n_train, n_classes=None, sample_shape=(N_INPUTS,)
        )

    def probe_batch(self, batch_size: int) -> Batch:
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        inputs, targets = _points(0, self.n_train)
        per_epoch = self.n_train // batch_size
        step = start_step
        while self.ends_after is None or step < self.ends_after:
            epoch, i = divmod(step, per_epoch)
            order = torch.randperm(self.n_train, generator=torch.Generator().manual_seed(1000 * seed + epoch))
            rows = order[i * batch_size : (i + 1) * batch_size]
            yield {"inputs": inputs[rows], "targets": targets[rows]}
            step += 1

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        inputs, targets = _points(1, self.n_eval)
        for start in range(0, self.n_eval, batch_size):
            yield {
                "inputs": inputs[start : start + batch_size],
                "targets": targets[start : start + batch_size],
            }


def _points(seed: int, n_rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    teacher = torch.Generator().manual_seed(7)
    first, second = torch.randn(N_INPUTS, 16, generator=teacher), torch.randn(16, generator=teacher)
    rows = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n_rows, N_INPUTS, generator=rows)
    return inputs, torch.sin(inputs @ first) @ second / 4 + 0.05 * torch.randn(n_rows, generator=rows)


class Mlp(ModelFamily):
    """One hidden layer."""

    kind: Literal["mlp"] = "mlp"
    default_lr = 1e-2
    widths: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
    dropout: float = 0.0

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        sizes = (_size(width) for width in self.widths)
        return tuple(size for size in sizes if n_min <= size.n_params <= n_max)

    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        return Net(size.options["width"], self.dropout)


def _size(width: int) -> Size:
    n_params = width * (N_INPUTS + 2) + 1
    return Size(name=f"w{width}", n_params=n_params, n_params_nonembedding=n_params, options={"width": width})


class Net(torch.nn.Module):
    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(N_INPUTS, width)
        self.out = torch.nn.Linear(width, 1)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.out(self.dropout(torch.tanh(self.hidden(batch["inputs"])))).squeeze(-1)


class Trouble(Mlp):
    """The same MLPs, but forward goes wrong at one width."""

    kind: Literal["trouble"] = "trouble"
    width: int
    deed: Literal["raise", "die", "nan"]
    unless: str = ""
    """A file; nothing goes wrong where it exists."""

    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        net = Net(size.options["width"])
        if size.options["width"] == self.width and not Path(self.unless).is_file():
            net.register_forward_pre_hook({"raise": _raise, "die": _die, "nan": _nan}[self.deed])
        return net


def _raise(net: torch.nn.Module, inputs: object) -> None:
    raise ArithmeticError("the hidden layer is haunted")


def _die(net: torch.nn.Module, inputs: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _nan(net: torch.nn.Module, inputs: object) -> None:
    with torch.no_grad():
        net.out.weight.fill_(float("nan"))


class Squared(LossFunction):
    kind: Literal["squared"] = "squared"

    def __call__(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return (outputs - batch["targets"]).square().mean()


class SixN(FlopCounter):
    kind: Literal["six_n"] = "six_n"

    def train_flops_per_unit(self, model: ModelFamily, size: Size, data: DataSource) -> float:
        return 6.0 * size.n_params


class NoFit(FitForm):
    kind: Literal["no_fit"] = "no_fit"


class Labelled(Points):
    """Held-out batches in which 3, 0 and 1 labels count."""

    kind: Literal["labelled"] = "labelled"

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        for labels in ([[1, 1], [1, -100]], [[-100, -100]], [[3, -100]]):
            yield {"inputs": torch.zeros(len(labels), N_INPUTS), "labels": torch.tensor(labels)}


class ReportedLoss(LossFunction):
    """Trains on ten times what it reports, and measures something else beside it."""

    kind: Literal["reported_loss"] = "reported_loss"

    def __call__(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return 10 * self.evaluate(outputs, batch)

    def evaluate(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return LabelledLoss()(outputs, batch) if "labels" in batch else Squared()(outputs, batch)

    def metrics(self, outputs: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        labels = batch.get("labels", torch.ones(1))
        return {"label": labels[labels != -100].double().mean()}


class LabelledLoss(LossFunction):
    """The mean square of the labels that count: not a number where none does."""

    kind: Literal["labelled_loss"] = "labelled_loss"

    def __call__(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return batch["labels"][batch["labels"] != -100].double().square().mean()
