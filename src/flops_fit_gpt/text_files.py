"""The data source `text_files`: any folder of text."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from flops_fit.errors import DataError
from flops_fit.token_data import Split
from flops_fit_gpt.token_cache import CachedTokenSource, Folder, fingerprints


class TextFiles(CachedTokenSource):
    """Every text file of a folder, as bytes or through a tokenizer.

    Files are ordered by the hash of their content, exact copies are dropped, and the end of that order is
    held out: the split does not depend on names, and no held-out file was trained on under another name. At
    most one file is divided between the splits, so a single long file works too.
    """

    kind: Literal["text_files"] = "text_files"
    path: Folder
    """Folder to read."""
    pattern: str = "**/*.txt"
    """Which of its files to read."""
    held_out: float = Field(default=0.05, gt=0, lt=1)
    """Fraction of the text, in bytes, that is evaluated on and never trained on."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Read the sources of this package, which every installation has."""
        cache_dir = Path(tempfile.gettempdir(), "flops-fit")
        return (cls(path=Path(__file__).parent, pattern="*.py", length=16, eval_rows=8, cache_dir=cache_dir),)

    def origin(self) -> list[Any]:
        """Return the files with their sizes and times, and how they are split."""
        return [str(self.path.resolve()), self.held_out, self._files()]

    def documents(self, split: Split) -> Iterable[bytes]:
        """Yield the files of one split; the file on the boundary is cut in two."""
        files = self._unique_files()
        left_to_train = round(sum(path.stat().st_size for path in files) * (1 - self.held_out))
        for path in files:
            text = path.read_bytes()
            part = text[:left_to_train] if split == "train" else text[left_to_train:]
            left_to_train -= min(left_to_train, len(text))
            if part:
                yield part

    def _files(self) -> list[tuple[str, int, int]]:
        files = fingerprints(self.path, self.pattern)
        if not any(size for _, size, _ in files):
            raise _no_text(self.path, self.pattern)
        return files

    def _unique_files(self) -> list[Path]:
        paths = [self.path / name for name, _, _ in self._files()]
        by_content = {hashlib.sha256(path.read_bytes()).digest(): path for path in paths}
        return [by_content[digest] for digest in sorted(by_content)]


def _no_text(folder: Path, pattern: str) -> DataError:
    if not folder.is_dir():
        return DataError(
            f"There is no folder {folder}.",
            fix="set `data.path` to a folder of text files",
            code="no-text",
        )
    found = Counter(path.suffix or path.name for path in folder.rglob("*") if path.is_file())
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in found.most_common(5)) or "nothing"
    return DataError(
        f"No text in {folder} matches {pattern!r}; the folder holds {kinds}.",
        fix='set `data.pattern`, e.g. to "**/*.md", or `data.path` to another folder',
        code="no-text",
    )
