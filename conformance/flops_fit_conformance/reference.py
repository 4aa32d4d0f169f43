"""Parts that keep every clause: what a component is tried with where its plugin brings no partner for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count, takewhile
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from flops_fit.components import Batch, DataSource, DataSpec, ModelFamily, Size

if TYPE_CHECKING:
    import torch
    from torch import nn

ROWS, HELD_OUT = 400, 40
"""Rows of the reference data, of which the first are held out."""
LENGTH, VOCABULARY = 16, 61
IMAGE, LABELS = (3, 16, 16), 10
POINT = 8


class ReferenceData(DataSource):
    """400 invented rows of tokens, images or points with a target; the first 40 are held out."""

    kind: Literal["conformance_data"] = "conformance_data"
    unit: Literal["token", "image", "sample"] = "token"

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Offer tokens, images and points."""
        return (cls(unit="token"), cls(unit="image"), cls(unit="sample"))

    def spec(self) -> DataSpec:
        """Describe the rows."""
        shapes: Mapping[str, tuple[int, ...]] = {"token": (LENGTH,), "image": IMAGE, "sample": (POINT,)}
        n_classes: Mapping[str, int | None] = {"token": VOCABULARY, "image": LABELS, "sample": None}
        units_per_sample = LENGTH if self.unit == "token" else 1
        return DataSpec(
            unit=self.unit,
            units_per_sample=units_per_sample,
            n_units=(ROWS - HELD_OUT) * units_per_sample,
            n_classes=n_classes[self.unit],
            sample_shape=shapes[self.unit],
        )

    def rows(self, numbers: torch.Tensor) -> Batch:
        """Return rows by number."""
        rows = {"token": _tokens, "image": _images, "sample": _points}[self.unit]()
        return {name: value[numbers] for name, value in rows.items()}

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """Return the numbers of the training rows in the order of one epoch."""
        import torch

        shuffled = torch.randperm(
            ROWS - HELD_OUT, generator=torch.Generator().manual_seed(1000 * seed + epoch)
        )
        return HELD_OUT + shuffled

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, 0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield full batches without end."""
        import torch

        epoch, done = divmod(start_step * batch_size, ROWS - HELD_OUT)
        waiting = self.order(seed, epoch)[done:]
        while True:
            while len(waiting) < batch_size:
                epoch += 1
                waiting = torch.cat([waiting, self.order(seed, epoch)])
            yield self.rows(waiting[:batch_size])
            waiting = waiting[batch_size:]

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the first 40 rows."""
        import torch

        yield from (self.rows(part) for part in torch.arange(HELD_OUT).split(batch_size))  # type: ignore[no-untyped-call]


class ReferenceModel(ModelFamily):
    """A small perceptron: of a token and the one before, or of a whole image or point."""

    kind: Literal["conformance_model"] = "conformance_model"
    causal: ClassVar[bool] = True

    step: int = Field(default=4, ge=1, le=64)
    """Width of the smallest rung."""

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        """List widths that double."""
        sizes = (self.size(self.step * 2**k, data) for k in count())
        return [size for size in takewhile(lambda s: s.n_params <= n_max, sizes) if size.n_params >= n_min]

    def size(self, width: int, data: DataSpec) -> Size:
        """Count embedding (or input layer), two square matrices with a bias, and the head."""
        n_inputs, n_classes = _shape(data)
        inside = 2 * width**2 + width
        n_params = inside + n_inputs * width + (width + 1) * n_classes
        return Size(
            name=f"d{width}", n_params=n_params, n_params_nonembedding=inside, options={"width": width}
        )

    def build(self, size: Size, data: DataSpec) -> nn.Module:
        """Build one width."""
        from flops_fit_conformance.reference_net import Net

        n_inputs, n_classes = _shape(data)
        return Net(n_inputs, int(size.options["width"]), n_classes, tokens=data.unit == "token")


def _shape(data: DataSpec) -> tuple[int, int]:
    n_inputs = 1
    for n in data.sample_shape:
        n_inputs *= n
    n_classes = data.n_classes or 1
    return (n_classes if data.unit == "token" else n_inputs), n_classes


@cache
def _tokens() -> Batch:
    """Return all rows: each token is five times the one before, but for one in four."""
    import torch

    dice = torch.Generator().manual_seed(1)
    jumps = torch.randint(0, VOCABULARY, (ROWS, LENGTH), generator=dice)
    jumps *= torch.rand(ROWS, LENGTH, generator=dice) < 0.25
    ids = [torch.randint(0, VOCABULARY, (ROWS,), generator=dice)]
    for t in range(LENGTH):
        ids.append((5 * ids[-1] + jumps[:, t]) % VOCABULARY)
    rows = torch.stack(ids, dim=1)
    return {"input_ids": rows[:, :-1], "labels": rows[:, 1:]}


@cache
def _images() -> Batch:
    """Return all rows: each label has a pattern of its own, under noise."""
    import torch

    dice = torch.Generator().manual_seed(2)
    labels = torch.randint(0, LABELS, (ROWS,), generator=dice)
    patterns = torch.randn(LABELS, *IMAGE, generator=dice)
    noise = torch.randn(ROWS, *IMAGE, generator=dice)
    return {"pixel_values": 0.5 * patterns[labels] + noise, "labels": labels}


@cache
def _points() -> Batch:
    """Return all rows: the target is the sine of one direction, under noise."""
    import torch

    dice = torch.Generator().manual_seed(3)
    inputs, noise = torch.randn(ROWS, POINT, generator=dice), torch.randn(ROWS, 1, generator=dice)
    return {"inputs": inputs, "targets": torch.sin(inputs.sum(dim=1, keepdim=True)) + 0.1 * noise}
