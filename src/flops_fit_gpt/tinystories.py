"""The data source `tinystories`: short stories in simple English, from the Hub or a local copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from flops_fit.errors import DataError
from flops_fit.token_data import Split
from flops_fit_gpt.token_cache import CachedTokenSource, Folder, TokenizerName, fingerprints

DATASET = "roneneldan/TinyStories"
END_OF_STORY = "<|endoftext|>"
"""The line between two stories in the text files of the dataset."""
FORMATS = {".parquet": "parquet", ".txt": "text"}


class TinyStories(CachedTokenSource):
    """Two million short stories written by GPT-3.5 and GPT-4 with the words of a young child.

    Streamed from the Hub, or read from `folder`. Encoded once.
    Source: Eldan and Li 2023, arXiv:2305.07759.
    """

    kind: Literal["tinystories"] = "tinystories"
    path: Folder | None = None
    """Folder of a local copy: Parquet files with a column `text`, or text files.

    Files with `valid` in their names are held out.
    """
    tokenizer: TokenizerName | None = "EleutherAI/gpt-neo-125M"
    """Name or folder of a `transformers` tokenizer; null makes every byte a token."""
    max_stories: int | None = Field(default=None, ge=1)
    """Stories to train on, from the start of the dataset; by default all. Each has about 200 tokens."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Offer none: the stories must be downloaded first."""
        return ()

    def origin(self) -> list[Any]:
        """Return the dataset's name, or the files of the local copy with their sizes and times."""
        where = DATASET if self.path is None else [str(self.path.resolve()), fingerprints(self.path, "**/*")]
        return [where, self.max_stories]

    def documents(self, split: Split) -> Iterable[bytes]:
        """Open one split now, and yield its stories later."""
        stories = self._from_hub(split) if self.path is None else self._from_files(self.path, split)
        return islice(stories, self.max_stories) if split == "train" else stories

    def _from_hub(self, split: Split) -> Iterator[bytes]:
        from datasets import load_dataset

        name = "train" if split == "train" else "validation"
        with _reading(DATASET):
            rows = load_dataset(DATASET, split=name, streaming=True)
        return _texts(rows, DATASET)

    def _from_files(self, folder: Path, split: Split) -> Iterator[bytes]:
        from datasets import load_dataset

        files = _files(folder, split)
        form = FORMATS[files[0].suffix]
        with _reading(str(folder)):
            rows = load_dataset(form, data_files=[str(path) for path in files], split="train", streaming=True)
        texts = _texts(rows, str(folder))
        return _joined(texts) if form == "text" else texts


def _files(folder: Path, split: Split) -> list[Path]:
    """List the local files of a split, all Parquet or, where there are none, all text."""
    held_out = split == "held_out"
    for suffix in FORMATS:
        files = sorted(folder.glob(f"**/*{suffix}"))
        if chosen := [path for path in files if ("valid" in path.name.lower()) == held_out]:
            return chosen
    raise DataError(
        f"{folder} holds no Parquet or .txt file for the {split} split of tinystories.",
        fix="put the dataset's files there; those to hold out have `valid` in their names, e.g. "
        "train-0.parquet and validation-0.parquet",
        code="no-text",
    )


def _texts(rows: Iterable[dict[str, str]], where: str) -> Iterator[bytes]:
    with _reading(where):
        for row in rows:
            yield row["text"].encode()


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Put the lines of each story together again."""
    story: list[bytes] = []
    for line in lines:
        if line.strip() == END_OF_STORY.encode():
            yield b"\n".join(story)
            story = []
        else:
            story.append(line)
    if story:
        yield b"\n".join(story)


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Turn whatever `datasets` raises into one error that says how to do without the network."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise DataError(
            f"TinyStories cannot be read from {where}: {reason}",
            fix="connect to the network once; or put the dataset's Parquet or text files in a folder, set "
            "`data.path` to it, and `data.tokenizer` to a local tokenizer or to null for bytes",
            code="no-dataset",
        ) from error
