"""A language made of random tables, whose next-token distribution, and so its entropy, has a closed form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from flops_fit.components import Batch, DataSource, DataSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Tokens = NDArray[np.integer[Any]]

ROWS_AT_ONCE = 512
"""Rows drawn together, of one generator: what skipping steps may draw in vain."""
BLOCKS_KEPT = 1024
"""Blocks of rows kept in memory, so that the sizes of a sweep that read the same stream draw it once."""
TRAIN, HELD_OUT = 0, 1
"""Names of the two streams in the generators' seeds."""


class SyntheticLanguage(DataSource):
    """An endless stream of independent rows of a bilinear language with a power-law spectrum.

    The logits of the next token are a Zipf bias plus, for each lag l, the row of a random table that belongs
    to the token l places back. A table is U · diag(k^-decay) · Vᵀ: few directions matter much, many a little,
    so that models of any size have something left to learn. No model beats `bayes_loss`.
    """

    kind: Literal["synthetic_language"] = "synthetic_language"

    vocabulary: int = Field(default=64, ge=2)
    """Number of tokens."""
    length: int = Field(default=32, ge=1)
    """Tokens predicted in one row; a row knows nothing of the row before."""
    lags: tuple[int, ...] = (1, 2, 3, 4)
    """How far back the tokens lie on which the next one depends."""
    zipf: float = Field(default=0.7, ge=0)
    """Without context, the token of rank r has a probability proportional to r^-zipf."""
    decay: float = Field(default=0.8, ge=0)
    """Exponent of the spectrum of each table; higher is easier."""
    lag_decay: float = Field(default=0.7, ge=0)
    """The table of lag l counts in proportion to l^-lag_decay."""
    strength: float = Field(default=1.5, ge=0)
    """Standard deviation of what the context adds to a logit; 0 leaves the bias alone."""
    language_seed: int = Field(default=0, ge=0)
    """Which language of this kind: it fixes the tables and the held-out rows."""
    eval_rows: int = Field(default=512, ge=1)
    """Rows of the held-out set."""

    @field_validator("lags")
    @classmethod
    def _lags_are_distinct_and_back(cls, lags: tuple[int, ...]) -> tuple[int, ...]:
        if min(lags, default=1) < 1 or len(set(lags)) < len(lags):
            raise ValueError("lags are different integers, all at least 1")
        return lags

    def spec(self) -> DataSpec:
        """Describe the stream, which never repeats."""
        return DataSpec(
            unit="token",
            units_per_sample=self.length,
            n_units=None,
            n_classes=self.vocabulary,
            sample_shape=(self.length,),
        )

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield new rows without end; row i of a seed is the same whatever the batch size."""
        first = start_step * batch_size
        while True:
            yield _shifted(self._rows(TRAIN, seed, first, first + batch_size))
            first += batch_size

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the held-out rows, of a stream of their own."""
        for first in range(0, self.eval_rows, batch_size):
            yield _shifted(self._rows(HELD_OUT, 0, first, min(first + batch_size, self.eval_rows)))

    def bayes_loss(self) -> float:
        """Return the mean of -ln p(token | the tokens before it in its row) over the held-out tokens."""
        import numpy as np

        rows, language = self._rows(HELD_OUT, 0, 0, self.eval_rows), _language(self)
        surprise = [
            -np.log(language.conditional(rows[:, :t])[np.arange(len(rows)), rows[:, t]])
            for t in range(1, self.length + 1)
        ]
        return float(np.mean(surprise))

    def _rows(self, stream: int, seed: int, first: int, last: int) -> Tokens:
        """Return rows `first` to `last` of a stream, shape (last - first, length + 1)."""
        import numpy as np

        blocks = range(first // ROWS_AT_ONCE, (last - 1) // ROWS_AT_ONCE + 1)
        rows = np.concatenate([_block(self, stream, seed, block) for block in blocks])
        skipped = blocks[0] * ROWS_AT_ONCE
        return rows[first - skipped : last - skipped].astype(np.int64)


class Language(NamedTuple):
    """The tables of one language."""

    bias: Floats
    """Logits without context, shape (vocabulary,)."""
    tables: dict[int, Floats]
    """What the token some places back adds to the logits, by lag, shape (vocabulary, vocabulary)."""

    def conditional(self, before: Tokens) -> Floats:
        """Return the probabilities of the next token, shape (n_rows, vocabulary).

        `before` are the tokens of each row so far, shape (n_rows, n_before); lags that reach further add
        nothing.
        """
        import numpy as np

        n_rows, n_before = before.shape
        logits = np.repeat(self.bias[None], n_rows, axis=0)
        for lag, table in self.tables.items():
            if lag <= n_before:
                logits += table[before[:, -lag]]
        logits -= logits.max(axis=1, keepdims=True)
        weights: Floats = np.exp(logits, out=logits)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights


@lru_cache(maxsize=16)
def _language(config: SyntheticLanguage) -> Language:
    """Draw the tables; each entry has mean 0, and those of all lags together have variance strength²."""
    import numpy as np

    n = config.vocabulary
    random = np.random.default_rng((config.language_seed, n))
    bias = -config.zipf * np.log(np.arange(1, n + 1))
    spectrum = np.arange(1, n + 1) ** -config.decay
    after = random.normal(size=(n, n))
    shares = np.array(config.lags) ** -config.lag_decay
    scales = config.strength * shares / np.linalg.norm(shares) / np.linalg.norm(spectrum)
    tables = {
        lag: scale * (random.normal(size=(n, n)) * spectrum) @ after.T
        for lag, scale in zip(config.lags, scales, strict=True)
    }
    return Language(bias, tables)


@lru_cache(maxsize=BLOCKS_KEPT)
def _block(config: SyntheticLanguage, stream: int, seed: int, block: int) -> NDArray[np.uint32]:
    """Draw `ROWS_AT_ONCE` rows, token by token, by inverting the distribution function."""
    import numpy as np

    language = _language(config)
    random = np.random.default_rng((config.language_seed, stream, seed, block))
    uniform = random.random((config.length + 1, ROWS_AT_ONCE, 1))
    rows = np.empty((ROWS_AT_ONCE, config.length + 1), dtype=np.uint32)
    for t, u in enumerate(uniform):
        reached = np.cumsum(language.conditional(rows[:, :t]), axis=1)
        rows[:, t] = np.sum(reached[:, :-1] < u * reached[:, -1:], axis=1)
    return rows


def _shifted(rows: Tokens) -> Batch:
    import torch

    tokens = torch.from_numpy(rows)
    return {"input_ids": tokens[:, :-1].contiguous(), "labels": tokens[:, 1:].contiguous()}
