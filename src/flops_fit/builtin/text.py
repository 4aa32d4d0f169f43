"""Real text that every Python brings along: the sources of its standard library, read as bytes."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flops_fit.errors import DataError
from flops_fit.token_data import Split, TokenSource, TokenWindows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HELD_OUT_IN = 20
"""One file in this many is held out, by the hash of its path."""
LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
"""Folders left out: what is not the library's, and tests, which some distributions remove."""


class StdlibText(TokenSource):
    """The running interpreter's standard library as bytes: about 12 MB, no download, 256 classes.

    One file in twenty is held out. The text differs between Python versions, so losses of different
    versions do not compare.
    """

    kind: Literal["stdlib_text"] = "stdlib_text"

    def prepare(self) -> None:
        """Read the text once per process."""
        _stdlib()

    def vocabulary_size(self) -> int:
        """Return the number of bytes."""
        return 256

    def windows(self, split: Split) -> TokenWindows:
        """Return the bytes of one split as rows."""
        text = _stdlib()
        ids = text.train if split == "train" else text.held_out
        return TokenWindows(ids, self.length, source="stdlib_text")

    def identity(self) -> dict[str, Any]:
        """Return the options and a hash of the text, which changes with the Python version."""
        return {**self.model_dump(mode="json"), "sha256": _stdlib().sha256}


class Text(NamedTuple):
    """A text in two parts that share no file."""

    train: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    sha256: str


def _stdlib() -> Text:
    return read_sources(Path(sysconfig.get_path("stdlib")))


@lru_cache(maxsize=4)
def read_sources(folder: Path) -> Text:
    """Read the Python sources below `folder`, in an order fixed by their paths, and split them by file.

    Raises:
        DataError: `no-stdlib-sources` when there are too few files to hold some out.
    """
    import numpy as np

    train, held_out = bytearray(), bytearray()
    for path in _sources(folder):
        part = held_out if _is_held_out(path.relative_to(folder).as_posix()) else train
        part += path.read_bytes()
    if not train or not held_out:
        raise DataError(
            f"The standard library in {folder} has no Python sources to train on; some embedded and frozen "
            "interpreters ship none.",
            fix="use another Python, or train on your own text: `data: {kind: text_files, path: FOLDER}` "
            "(in flops-fit-gpt)",
            code="no-stdlib-sources",
        )
    digest = hashlib.sha256(train + b"\0" + held_out).hexdigest()[:16]
    return Text(np.frombuffer(bytes(train), np.uint8), np.frombuffer(bytes(held_out), np.uint8), digest)


def _sources(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - LEFT_OUT)  # os.walk enters what is left
        # _sysconfigdata_*.py holds the paths of the machine that built the interpreter.
        names = (name for name in sorted(files) if not name.startswith("_sysconfigdata"))
        yield from (Path(parent, name) for name in names if name.endswith(".py"))


def _is_held_out(path: str) -> bool:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big") % HELD_OUT_IN == 0
