"""A user's own torch dataset as a data source: rows held out once, and an order fixed by the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_serializer

from flops_fit.components import Batch, DataSource, DataSpec, Unit
from flops_fit.config.fingerprint import fingerprint
from flops_fit.config.forward import INPUTS, TARGETS, main_input
from flops_fit.config.rows import FEWEST_ROWS
from flops_fit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.intp]

HELD_OUT = 0.1
"""Share of the rows held out where no evaluation dataset is given."""
MOST_HELD_OUT = 8192
"""Most rows held out; more would cost time at the end of every run without a better loss."""


class PythonData(DataSource):
    """Rows of a map-style torch dataset, as mappings of tensors or as (inputs, targets) pairs.

    Random augmentation drawn from the global generators of torch, numpy or Python is repeatable: it is
    seeded per batch in training, and per row in evaluation.
    """

    kind: Literal["python_dataset"] = "python_dataset"
    dataset: Any
    evaluation: Any = None
    """Dataset to evaluate on; by default a tenth of `dataset` is held out, at most 8192 rows."""
    collate: Callable[..., Any] | None = None
    """Turns a list of samples into a batch; by default torch's own."""

    def spec(self) -> DataSpec:
        """Describe the rows from the first one."""
        batch = self.probe_batch(1)
        inputs = main_input(batch)
        unit = _unit(batch)
        per_sample = batch[inputs].shape[1] if unit == "token" else 1
        return DataSpec(
            unit=unit,
            units_per_sample=per_sample,
            n_units=len(self._training_rows()) * per_sample,
            n_classes=None,
            sample_shape=tuple(batch[inputs].shape[1:]) if inputs else (),
        )

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield full batches without end; each epoch visits every row once, in an order of its own."""
        import numpy as np

        rows = self._training_rows()
        epoch, done = divmod(start_step * batch_size, len(rows))
        waiting, step = _shuffled(rows, seed, epoch)[done:], start_step
        while True:
            while len(waiting) < batch_size:
                epoch += 1
                waiting = np.concatenate([waiting, _shuffled(rows, seed, epoch)])
            yield self._training_batch(waiting[:batch_size], seed, step)
            waiting, step = waiting[batch_size:], step + 1

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the held-out rows in the order of their dataset."""
        dataset, rows = self._held_out()
        for first in range(0, len(rows), batch_size):
            yield self._evaluation_batch(dataset, rows[first : first + batch_size])

    @property
    def label(self) -> str:
        """Name of the dataset's class."""
        return type(self.dataset).__name__

    def identity(self) -> dict[str, Any]:
        """Return the datasets' classes, lengths and three of their rows."""
        return {
            "dataset": _describe(self.dataset),
            "evaluation": None if self.evaluation is None else _describe(self.evaluation),
            "collate": fingerprint(self.collate),
        }

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.identity()}

    def _training_rows(self) -> Rows:
        import numpy as np

        if self.evaluation is not None:
            return np.arange(_length(self.dataset))
        order, n_held_out = self._split()
        return np.sort(order[n_held_out:])

    def _held_out(self) -> tuple[Any, Rows]:
        import numpy as np

        if self.evaluation is not None:
            return self.evaluation, np.arange(_length(self.evaluation))
        order, n_held_out = self._split()
        return self.dataset, np.sort(order[:n_held_out])

    def _split(self) -> tuple[Rows, int]:
        """Return all rows in a fixed random order, and how many of the first are held out."""
        import numpy as np

        n_rows = _length(self.dataset)
        if n_rows < FEWEST_ROWS:
            raise DataError(
                f"{type(self.dataset).__name__} has {n_rows} rows; at least {FEWEST_ROWS} are needed to hold "
                "some out.",
                fix="bring more data, or pass held-out rows of their own as `eval_dataset`",
                code="too-few-rows",
            )
        return np.random.default_rng(0).permutation(n_rows), min(round(HELD_OUT * n_rows), MOST_HELD_OUT)

    def _training_batch(self, rows: Rows, seed: int, step: int) -> Batch:
        if self._is_indexable(self.dataset):
            return _named(_indexed(self.dataset, rows))
        with _seeded(seed, step):
            return self._collated(_samples(self.dataset, rows))

    def _evaluation_batch(self, dataset: object, rows: Rows) -> Batch:
        if self._is_indexable(dataset):
            return _named(_indexed(dataset, rows))
        samples = []
        for row in rows:  # one by one, so that the batch size changes no augmentation
            with _seeded(0, int(row)):
                samples += _samples(dataset, [row])
        return self._collated(samples)

    def _is_indexable(self, dataset: object) -> bool:
        """Tell whether tensors can be indexed at once, which is many times faster than row by row."""
        from torch.utils.data import TensorDataset

        return type(dataset) is TensorDataset and self.collate is None

    def _collated(self, samples: list[object]) -> Batch:
        from torch.utils.data import default_collate

        return _named((self.collate or default_collate)(samples))


def _indexed(dataset: Any, rows: Rows) -> object:
    import torch

    return dataset[torch.from_numpy(rows)]


def _samples(dataset: Any, rows: Sequence[int] | Rows) -> list[object]:
    indices = [int(row) for row in rows]
    fetch_many = getattr(
        dataset, "__getitems__", None
    )  # torch's own protocol for datasets that are faster so
    return list(fetch_many(indices)) if fetch_many else [dataset[index] for index in indices]


def _named(raw: object) -> Batch:
    """Return a collated batch as a mapping of tensors, with float32 for the float64 of Python floats.

    Raises:
        DataError: `unreadable-batch`.
    """
    import torch

    named = raw if isinstance(raw, Mapping) else {}
    if isinstance(raw, list | tuple) and len(raw) == 2:
        named = {INPUTS: raw[0], TARGETS: raw[1]}
    if not named or not all(isinstance(value, torch.Tensor) for value in named.values()):
        raise DataError(
            f"The dataset yields {_described(raw)}; a batch must be a mapping of tensors or a pair of them.",
            fix="let __getitem__ return {'inputs': ..., 'targets': ...} or (inputs, targets), as tensors or "
            "numbers (Hugging Face datasets: .with_format('torch'))",
            code="unreadable-batch",
        )
    return {name: value.float() if value.dtype == torch.float64 else value for name, value in named.items()}


def _described(raw: object) -> str:
    if isinstance(raw, Mapping):
        return f"a mapping of {', '.join(f'{key}: {type(value).__name__}' for key, value in raw.items())}"
    if isinstance(raw, list | tuple):
        return f"a sequence of {', '.join(type(value).__name__ for value in raw)}"
    return type(raw).__name__


def _unit(batch: Batch) -> Unit:
    if ("input_ids" in batch and batch["input_ids"].dim() > 1) or _is_one_code_per_code(batch):
        return "token"
    return "image" if "pixel_values" in batch else "sample"


def _is_one_code_per_code(batch: Batch) -> bool:
    """Tell whether rows are sequences of codes with a target for each, over which losses then are means."""
    inputs, targets = batch.get(INPUTS), batch.get(TARGETS)
    if inputs is None or targets is None:
        return False
    codes = not inputs.is_floating_point() and not targets.is_floating_point()
    return codes and inputs.dim() == 2 and inputs.shape == targets.shape


def _length(dataset: Any) -> int:
    return len(dataset)


def _shuffled(rows: Rows, seed: int, epoch: int) -> Rows:
    import numpy as np

    return np.random.default_rng((seed, epoch)).permutation(rows)


def _describe(dataset: Any) -> dict[str, Any]:
    n_rows = len(dataset)
    with _seeded(0, 0):
        rows = _samples(dataset, sorted({0, n_rows // 2, n_rows - 1}))
    return {"class": fingerprint(type(dataset)), "n_rows": n_rows, "rows": fingerprint(rows)}


@contextmanager
def _seeded(*entropy: int) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python, and put them back afterwards."""
    import numpy as np
    import torch

    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - users draw from it
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
