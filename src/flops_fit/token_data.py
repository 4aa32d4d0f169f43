"""Text as token ids: the part that every token data source shares, for plugins too.

A row of T units has `input_ids = ids[i : i + T]` and `labels = ids[i + 1 : i + T + 1]`: the shift to the next
token is made here, so a loss compares outputs and labels position by position.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from flops_fit.components import Batch, BatchSource, DataSource, DataSpec
from flops_fit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Ids = NDArray[np.integer[Any]]
    Gather = Callable[[NDArray[np.intp]], torch.Tensor]

Split = Literal["train", "held_out"]

AHEAD = 2**14
"""Token ids gathered at once: one batch at a time costs a step of 1 ms a twentieth of its time."""
RESIDENT_SHARE = 0.1
"""Of a GPU's free memory, that the ids of a source may take: several processes may hold a copy each."""


class TokenSource(DataSource):
    """A data source made of two sequences of token ids: one trained on, one held out."""

    length: int = Field(default=128, ge=1)
    """Tokens in one row."""
    eval_rows: int = Field(default=512, ge=1)
    """Rows of the held-out set, spread evenly over the held-out text; fewer where that is shorter."""

    @abstractmethod
    def vocabulary_size(self) -> int:
        """Return one more than the largest token id."""

    @abstractmethod
    def windows(self, split: Split) -> TokenWindows:
        """Return the tokens of one split, cut into rows of `length`; cheap after `prepare`."""

    def spec(self) -> DataSpec:
        """Describe the training split: rows of `length` tokens, the last partial row dropped."""
        return DataSpec(
            unit="token",
            units_per_sample=self.length,
            n_units=self.windows("train").n_rows * self.length,
            n_classes=self.vocabulary_size(),
            sample_shape=(self.length,),
        )

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield rows in an order drawn anew for each epoch."""
        return self.windows("train").shuffled_batches(batch_size, seed, start_step)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield `eval_rows` rows of the held-out split in the order of the text."""
        return self.windows("held_out").spread_batches(batch_size, self.eval_rows)

    def resident(self, device: torch.device) -> BatchSource:
        """Return the same batches gathered on a GPU, which then holds all ids, if it has room for them."""
        return _resident(self, device)


@lru_cache(maxsize=1)  # one trunk after another uses the same copy
def _resident(source: TokenSource, device: torch.device) -> BatchSource:
    import torch

    train, held_out = source.windows("train"), source.windows("held_out")
    if train.n_bytes + held_out.n_bytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return source
    return ResidentTokens(train=train.on(device), held_out=held_out.on(device), eval_rows=source.eval_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentTokens:
    """The batches of a token source, gathered where its ids are."""

    train: TokenWindows
    held_out: TokenWindows
    eval_rows: int

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield what the source yields."""
        return self.train.shuffled_batches(batch_size, seed, start_step)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield what the source yields."""
        return self.held_out.spread_batches(batch_size, self.eval_rows)


class TokenWindows:
    """A sequence of token ids, in memory or memory-mapped, cut into rows that share no predicted token."""

    def __init__(self, ids: Ids, length: int, *, source: str) -> None:
        """Cut `ids`, shape (n,), into rows of `length` tokens and the token that follows.

        Args:
            ids: Token ids of any integer type; a memory map is read row by row, never as a whole.
            length: Tokens in one row.
            source: What the error message calls the text.

        Raises:
            DataError: `too-little-text`: there is not one whole row.
        """
        import numpy as np

        if len(ids) <= length:
            raise DataError(
                f"{source}: found {len(ids)} tokens, one row of `length: {length}` needs {length + 1}.",
                fix=f"add text, or set `data.length` below {max(len(ids), 2)}",
                code="too-little-text",
            )
        self.n_rows = (len(ids) - 1) // length
        self._ids, self._length = ids, length
        rows = np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::length]
        self._gather: Gather = partial(_gathered, rows)

    @property
    def n_bytes(self) -> int:
        """Memory that the ids take."""
        return self._ids.nbytes

    def on(self, device: torch.device) -> TokenWindows:
        """Return the same rows, gathered on `device` from a copy of the ids there."""
        there = copy(self)
        there._gather = _Resident(self._ids, self._length, device).gathered  # noqa: SLF001 - of this class
        return there

    def shuffled_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield full batches without end; each epoch visits every row once, in an order of its own."""
        import numpy as np

        epoch, done = divmod(start_step * batch_size, self.n_rows)
        waiting = self._order(seed, epoch)[done:]
        n_ahead = batch_size * max(1, AHEAD // (batch_size * (self._length + 1)))
        while True:
            while len(waiting) < n_ahead:
                epoch += 1
                waiting = np.concatenate([waiting, self._order(seed, epoch)])
            gathered, waiting = self.batch(waiting[:n_ahead]), waiting[n_ahead:]
            for first in range(0, n_ahead, batch_size):
                yield {name: rows[first : first + batch_size] for name, rows in gathered.items()}

    def spread_batches(self, batch_size: int, n_rows: int) -> Iterator[Batch]:
        """Yield `n_rows` rows (or all, where there are fewer) evenly spaced over the text, once."""
        import numpy as np

        n_rows = min(n_rows, self.n_rows)
        chosen = np.arange(n_rows) * self.n_rows // n_rows
        for first in range(0, n_rows, batch_size):
            yield self.batch(chosen[first : first + batch_size])

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """Gather rows by number into `input_ids` and `labels`, int64, shape (len(rows), length)."""
        tokens = self._gather(rows)
        return {"input_ids": tokens[:, :-1].contiguous(), "labels": tokens[:, 1:].contiguous()}

    def _order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        import numpy as np

        return np.random.default_rng((seed, epoch)).permutation(self.n_rows)


def _gathered(rows: Ids, chosen: NDArray[np.intp]) -> torch.Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(rows[chosen].astype(np.int64))


class _Resident:
    """Token ids on a device, in the type in which they came: torch indexes no unsigned type but bytes."""

    def __init__(self, ids: Ids, length: int, device: torch.device) -> None:
        import numpy as np
        import torch

        signed = ids if ids.dtype == np.uint8 else ids.view(ids.dtype.name.removeprefix("u"))
        self._mask = min(int(np.iinfo(ids.dtype).max), 2**63 - 1)
        self._ids = torch.from_numpy(np.array(signed)).to(device)
        self._places = torch.arange(length + 1, device=device)
        self._length = length

    def gathered(self, chosen: NDArray[np.intp]) -> torch.Tensor:
        import torch

        numbers = torch.from_numpy(chosen)
        if self._ids.is_cuda:  # from pinned memory the copy does not wait for the device
            numbers = numbers.pin_memory()
        firsts = numbers.to(self._ids.device, non_blocking=True) * self._length
        return self._ids[firsts[:, None] + self._places].long() & self._mask
