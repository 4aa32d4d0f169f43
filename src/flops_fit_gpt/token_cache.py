"""Token sources that encode their text once, into files that every process maps into memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from flops_fit.token_data import Split, TokenSource, TokenWindows
from flops_fit_gpt.encoding import encoder

Folder = Annotated[Path, AfterValidator(Path.expanduser)]
TokenizerName = Annotated[str, AfterValidator(os.path.expanduser)]
SPLITS: tuple[Split, ...] = ("train", "held_out")


class CachedTokenSource(TokenSource):
    """A token source whose ids live in `cache_dir`, in a folder named after whatever made them."""

    tokenizer: TokenizerName | None = None
    """Name or folder of a `transformers` tokenizer; null makes every byte a token."""
    cache_dir: Path = Path("~/.cache/flops-fit")
    """Where encoded text is kept; safe to delete."""

    @abstractmethod
    def origin(self) -> list[Any]:
        """Return JSON values that change whenever the text or its split does; cheap."""

    @abstractmethod
    def documents(self, split: Split) -> Iterable[bytes]:
        """Yield the texts of one split."""

    def prepare(self) -> None:
        """Encode the text, unless that was done before."""
        self._encoded()

    def vocabulary_size(self) -> int:
        """Return the number of token ids."""
        return int(_about(self._encoded())["vocabulary"])

    def identity(self) -> dict[str, Any]:
        """Return what a run depends on: the tokens, wherever they come from."""
        about = _about(self._encoded())
        rows = {"length": self.length, "eval_rows": self.eval_rows}
        return {"sha256": about["sha256"], "vocabulary": about["vocabulary"], **rows}

    def windows(self, split: Split) -> TokenWindows:
        """Map one split into memory."""
        import numpy as np

        folder = self._encoded()
        path, dtype = folder / f"{split}.bin", np.dtype(_about(folder)["dtype"])
        # numpy refuses to map an empty file; TokenWindows has the better message for it.
        ids = np.memmap(path, dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
        return TokenWindows(ids, self.length, source=f"{self.kind}, {split} split")

    def _encoded(self) -> Path:
        """Return the folder of the encoded text, made now if need be."""
        made_from = [self.tokenizer, fingerprints(Path(self.tokenizer or "none")), *self.origin()]
        digest = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
        folder = self.cache_dir.expanduser() / f"{self.kind}-{digest}"
        if not folder.is_dir():
            self._encode_into(folder)
        return folder

    def _encode_into(self, folder: Path) -> None:
        """Make `folder` complete or not at all: an interruption must not leave half a text behind."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unfinished-"))
        try:
            _write(unfinished, {split: self.documents(split) for split in SPLITS}, self.tokenizer)
            unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def fingerprints(folder: Path, pattern: str = "*") -> list[tuple[str, int, int]]:
    """List the matching files with their sizes and times, which change when the files do."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def _write(folder: Path, texts: Mapping[Split, Iterable[bytes]], tokenizer: str | None) -> None:
    """Write one file of ids per split, and what is needed to read them."""
    encode, sha256 = encoder(tokenizer), hashlib.sha256()
    for split, documents in texts.items():
        with (folder / f"{split}.bin").open("wb") as file:
            for ids in encode.encode(documents):
                file.write(ids.data)
                sha256.update(ids.data)
        sha256.update(split.encode())  # the same text, split elsewhere, is other data
    about = {"vocabulary": encode.vocabulary, "dtype": encode.dtype, "sha256": sha256.hexdigest()[:16]}
    (folder / "about.json").write_text(json.dumps(about))


def _about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((folder / "about.json").read_text())
    return about
