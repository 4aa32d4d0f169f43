"""The data source `image_folder`: any folder with one subfolder of images per class."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field

from flops_fit.errors import DataError
from flops_fit_vit.images import Folder, Split, SplitName, StoredImages

if TYPE_CHECKING:
    import torch

    from flops_fit_vit.images import Rows

TRAIN, HELD_OUT = ("train",), ("val", "valid", "validation", "test")
"""Names of folders that divide the images already."""


class ImageFolder(StoredImages):
    """Images in one folder per class, read by torchvision and brought to one size.

    Where `path` holds `train` and `val` (or `valid`, `validation`, `test`), these are the splits. Otherwise
    the classes stand in `path` itself, and a part of each is held out, chosen by `split_seed` alone: every
    run and every process holds out the same images.
    """

    kind: Literal["image_folder"] = "image_folder"

    path: Folder = Path("images")
    """Folder to read: path/CLASS/image.png, or path/train/CLASS/image.png and path/val/CLASS/image.png."""
    side: int = Field(default=32, ge=4)
    """Pixels on each side, after resizing the shorter side and cutting out the centre."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Fraction of each class that is evaluated on and never trained on, where no folder says which."""
    split_seed: int = Field(default=0, ge=0)
    """Which images these are."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Offer none: there is no folder of images that every machine has."""
        return ()

    def split(self, name: SplitName) -> Split:
        """Return the images of one split.

        Raises:
            DataError: `no-images-found`, or `classes-differ` between the splits.
        """
        contents = _found(self.path, self.held_out, self.split_seed)
        return _split(getattr(contents, name), self.side)

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the folders."""
        return _found(self.path, self.held_out, self.split_seed).class_names


Files = tuple[tuple[str, int], ...]
"""Path and label of each image."""


class _Contents(NamedTuple):
    train: Files
    held_out: Files
    class_names: tuple[str, ...]


@lru_cache(maxsize=4)
def _found(path: Path, held_out: float, split_seed: int) -> _Contents:
    train, evaluated = _folder(path, TRAIN), _folder(path, HELD_OUT)
    if train is None or evaluated is None:
        files, names = _files(train or path)
        return _Contents(*_divided(files, held_out, split_seed), names)
    (files, names), (others, other_names) = _files(train), _files(evaluated)
    if names != other_names:
        in_one = ", ".join(sorted({*names} ^ {*other_names}))
        raise DataError(
            f"{train} and {evaluated} differ in their classes: {in_one}.",
            fix="give both the same folders",
            code="classes-differ",
        )
    return _Contents(files, others, names)


def _folder(path: Path, names: Sequence[str]) -> Path | None:
    return next((path / name for name in names if (path / name).is_dir()), None)


def _files(folder: Path) -> tuple[Files, tuple[str, ...]]:
    from torchvision import datasets

    try:
        found = datasets.ImageFolder(folder)
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} holds no images of classes: {error}",
            fix="set `data.path` to a folder with one subfolder of images per class",
            code="no-images-found",
        ) from error
    return tuple(found.samples), tuple(found.classes)


def _divided(files: Files, held_out: float, seed: int) -> tuple[Files, Files]:
    """Hold out a part of each class, at least one image, by the seed and the images' names."""
    import numpy as np

    labels = np.array([label for _, label in files])
    order = np.random.default_rng(seed).permutation(len(files))
    chosen: set[int] = set()
    for label in range(labels.max() + 1):
        of_class = order[labels[order] == label]
        chosen |= set(of_class[: max(1, round(held_out * len(of_class)))].tolist())
    return (
        tuple(file for i, file in enumerate(files) if i not in chosen),
        tuple(file for i, file in enumerate(files) if i in chosen),
    )


@lru_cache(maxsize=8)
def _split(files: Files, side: int) -> Split:
    import numpy as np

    written = [(Path(path).name, label, Path(path).stat().st_size) for path, label in files]
    return Split(
        labels=np.array([label for _, label in files], np.int64),
        read=lambda rows: _read(files, side, rows),
        fingerprint=hashlib.sha256(json.dumps([side, written]).encode()).hexdigest()[:16],
    )


def _read(files: Files, side: int, rows: Rows) -> torch.Tensor:
    import torch
    from torchvision.datasets.folder import default_loader
    from torchvision.transforms import v2

    fit = v2.Compose([v2.PILToTensor(), v2.Resize(side, antialias=True), v2.CenterCrop(side)])
    return torch.stack([fit(default_loader(files[row][0])) for row in rows.tolist()])
