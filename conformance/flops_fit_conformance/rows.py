"""Rows of batches as bytes, to be compared and counted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils._pytree import tree_map

from flops_fit.components import Batch
from flops_fit.config.subject import Subject


def rows_of(batch: Batch) -> list[bytes]:
    """Return each row of a batch as bytes, all of its tensors together."""
    n_rows = len(next(iter(batch.values())))
    columns = [batch[name].contiguous().reshape(n_rows, -1).view(torch.uint8) for name in sorted(batch)]
    return [row.tobytes() for row in torch.cat(columns, dim=1).numpy()]


def copies(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Return the batches in memory of their own."""
    return [{name: value.clone() for name, value in batch.items()} for batch in batches]


def equal(a: Sequence[Batch], b: Sequence[Batch]) -> bool:
    """Compare batches one by one: names, shapes and values."""
    return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))


def doubled_batch(batch: Batch) -> Batch:
    """Return the rows of a batch twice over."""
    return {name: torch.cat([value, value]) for name, value in batch.items()}


def doubled(outputs: object, sweep: Subject) -> object:
    """Return a model's outputs for the sweep's batch twice over, whatever holds them."""
    n_rows = len(next(iter(sweep.batch.values())))

    def each(value: object) -> object:
        if not isinstance(value, torch.Tensor) or not value.dim() or len(value) % n_rows:
            return value
        return torch.cat([value, value])

    return tree_map(each, outputs)


def _same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
