"""A small causal language model on invented text, both well-behaved; the probes' mutants derive from them."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from flops_fit.components import Batch, DataSource, DataSpec, ModelFamily, Size
from flops_fit.config.spec import SweepSpec

VOCABULARY, LENGTH = 97, 6
WIDTHS = (4, 8, 16, 32, 64)


class Net(nn.Module):
    """Each position sees itself and the one before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.now, self.before = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, VOCABULARY)

    def hidden(self, batch: Batch) -> torch.Tensor:
        x = self.embedding(batch["input_ids"])
        return torch.tanh(self.now(x) + self.before(nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]))

    def forward(self, batch: Batch) -> Any:
        return self.head(self.hidden(batch))


class Family(ModelFamily):
    """Widths 4, 8, 16, 32 and 64."""

    kind: Literal["toy"] = "toy"
    causal: ClassVar[bool] = True
    net: ClassVar[type[nn.Module]] = Net

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        sizes = [self.size(width) for width in WIDTHS]
        return [size for size in sizes if n_min <= size.n_params <= n_max]

    def size(self, width: int) -> Size:
        n_params = 2 * VOCABULARY * width + VOCABULARY + 2 * width**2 + width
        return Size(
            name=f"d{width}",
            n_params=n_params,
            n_params_nonembedding=2 * width**2 + width,
            options={"width": width},
        )

    def build(self, size: Size, data: DataSpec) -> nn.Module:
        return self.net(size.options["width"])


class Text(DataSource):
    """Rows 0-19 are held out, rows 20-199 trained on."""

    kind: Literal["toy_text"] = "toy_text"

    def spec(self) -> DataSpec:
        return DataSpec(
            unit="token",
            units_per_sample=LENGTH,
            n_units=180 * LENGTH,
            n_classes=VOCABULARY,
            sample_shape=(LENGTH,),
        )

    def rows(self, numbers: torch.Tensor) -> Batch:
        ids = torch.randint(0, VOCABULARY, (200, LENGTH + 1), generator=torch.Generator().manual_seed(0))[
            numbers
        ]
        return {"input_ids": ids[:, :-1].clone(), "labels": ids[:, 1:].clone()}

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        return 20 + torch.randperm(180, generator=torch.Generator().manual_seed(1000 * seed + epoch))

    def probe_batch(self, batch_size: int) -> Batch:
        return next(self.train_batches(batch_size, 0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        for step in range(start_step, 10**9):
            places = torch.arange(step * batch_size, (step + 1) * batch_size)
            orders = {epoch: self.order(seed, epoch) for epoch in (places // 180).tolist()}
            yield self.rows(torch.stack([orders[int(p) // 180][int(p) % 180] for p in places]))

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        yield from (self.rows(part) for part in torch.arange(20).split(batch_size))


def spec_of(**parts: Any) -> SweepSpec:
    """A sweep over the whole ladder, with some parts replaced."""
    return SweepSpec.model_validate(
        {
            "model": Family(),
            "data": Text(),
            "loss": "cross_entropy",
            "flops": "traced",
            "budgets": [10.0**e for e in range(6, 13)],
            "design": {"n_min": 500, "n_max": 1e6},
            "training": {"batch_size": 16},
            **parts,
        }
    )
