"""What a user passes as a dataset, as far as it shows at once: rows, a loader of rows, or neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flops_fit.errors import DataError

FEWEST_ROWS = 20
"""Fewest rows of a dataset that is to be split."""


def unloaded(dataset: object) -> tuple[Any, Callable[..., Any] | None]:
    """Return the rows behind a DataLoader and its own way of collating; other datasets as they are.

    Raises:
        DataError: `custom-sampler`.
    """
    from torch.utils.data import DataLoader, IterableDataset, default_collate, default_convert

    if not isinstance(dataset, DataLoader):
        return dataset, None
    if not isinstance(dataset.dataset, IterableDataset) and (sampler := _own_sampler(dataset)):
        raise DataError(
            f"The DataLoader draws rows with {sampler}; a sweep draws its own order, every row once per "
            "epoch.",
            fix="pass the dataset itself, with rows repeated as often as they should be drawn",
            code="custom-sampler",
        )
    is_plain = dataset.collate_fn in (default_collate, default_convert)
    return dataset.dataset, None if is_plain else dataset.collate_fn


def batch_size_of(dataset: object) -> int | None:
    """Return the rows of a batch of a DataLoader; None where there is none, or it makes no batches."""
    from torch.utils.data import DataLoader

    sampler = dataset.batch_sampler if isinstance(dataset, DataLoader) else None
    batch_size: int | None = getattr(sampler, "batch_size", None)
    return batch_size


def _own_sampler(loader: Any) -> str:
    """Name what draws the rows of a loader, unless it is one of torch's plain samplers."""
    from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

    if loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler:
        return type(loader.batch_sampler).__name__
    sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler.sampler
    return "" if type(sampler) in (RandomSampler, SequentialSampler) else type(sampler).__name__


def check_rows(name: str, dataset: object) -> None:
    """Refuse what holds no rows, or holds them in a way in which they cannot be fetched by number.

    Raises:
        DataError: `unsized-dataset`.
    """
    if found := _no_rows(dataset):
        raise DataError(
            f"{name} is {found}, not rows that len() counts and [i] fetches; they are held out and shuffled "
            "by number.",
            fix=f"pass rows, e.g. {name}=torch.utils.data.TensorDataset(inputs, targets) of two tensors; of "
            f"a short stream, {name}=list(stream)",
            code="unsized-dataset",
        )


def _no_rows(dataset: object) -> str:
    """Describe what is no dataset; nothing where it may be one."""
    kind = type(dataset).__name__
    if isinstance(dataset, str | Path):
        return f"the name {str(dataset)!r}"
    if isinstance(dataset, Mapping) and all(isinstance(key, str) for key in dataset):
        return f"a {kind} of {', '.join(dataset)}"
    if isinstance(dataset, tuple | list) and _are_arrays(dataset):
        return f"a {kind} of {len(dataset)} arrays"
    # A table of pandas has a length too, but [i] is a column of it.
    has_rows = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    return kind if not has_rows or hasattr(dataset, "iloc") else ""


def _are_arrays(values: tuple[Any, ...] | list[Any]) -> bool:
    """Tell whether a few values are arrays: those of all inputs and of all targets, where rows are pairs."""
    return 0 < len(values) < FEWEST_ROWS and all(getattr(value, "shape", ()) for value in values)
