"""Text to token ids: bytes as they are, or a `transformers` tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from flops_fit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.integer[Any]]

BATCH = 256
"""Documents handed to a tokenizer at once; it spreads them over its threads."""
PIECE = 1_000_000
"""Characters after which a document is cut at the next line end; tokenizers need many times its memory."""


class Encoder(Protocol):
    """Turns documents into token ids, each document closed by an end-of-text token."""

    vocabulary: int
    dtype: str
    """Smallest numpy type that holds every id."""

    def encode(self, documents: Iterable[bytes]) -> Iterator[Ids]:
        """Yield the ids of all documents in order, in arrays of any length."""
        ...


def encoder(tokenizer: str | None) -> Encoder:
    """Load a tokenizer by name or folder; None means bytes.

    Raises:
        DataError: `no-tokenizer`: it is neither on this machine nor within reach.
    """
    return Bytes() if tokenizer is None else Tokenizer(tokenizer)


class Bytes:
    """One token per byte; a zero byte, which text does not hold, ends a document."""

    vocabulary = 256
    dtype = "uint8"

    def encode(self, documents: Iterable[bytes]) -> Iterator[Ids]:
        """Yield one array per document."""
        import numpy as np

        for document in documents:
            yield np.frombuffer(document + b"\0", dtype=self.dtype)


class Tokenizer:
    """A pretrained tokenizer; its own end-of-text token, where it has one, ends a document."""

    def __init__(self, name: str) -> None:
        from transformers import AutoTokenizer

        try:
            self._tokenizer = _local_or_downloaded(AutoTokenizer.from_pretrained, name)
        except Exception as error:
            raise DataError(
                f"The tokenizer {name!r} cannot be loaded: {_first_line(error)}",
                fix="connect to the network once, or set `data.tokenizer` to a folder with a tokenizer.json, "
                "or to null for bytes",
                code="no-tokenizer",
            ) from error
        self.vocabulary = len(self._tokenizer)
        self.dtype = "uint16" if self.vocabulary <= 2**16 else "uint32"

    def encode(self, documents: Iterable[bytes]) -> Iterator[Ids]:
        """Yield one array per batch of documents."""
        import numpy as np

        end = self._tokenizer.eos_token or ""
        remaining = iter(documents)
        while batch := list(islice(remaining, BATCH)):
            pieces = [piece for text in batch for piece in _pieces(text.decode(errors="replace") + end)]
            ids = self._tokenizer(pieces, add_special_tokens=False, verbose=False)["input_ids"]
            yield np.concatenate([np.asarray(one, dtype=self.dtype) for one in ids])


def _local_or_downloaded(load: Callable[..., Any], name: str) -> Any:
    """Prefer what is on this machine: without a network the library would retry for a minute first."""
    try:
        return load(name, local_files_only=True)
    except OSError:
        return load(name)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
