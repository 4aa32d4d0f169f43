"""The data sources `cifar10` and `cifar100`, read by torchvision."""

from __future__ import annotations

import hashlib
import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from pydantic import Field

from flops_fit.errors import DataError
from flops_fit_vit.images import Folder, Split, SplitName, StoredImages

if TYPE_CHECKING:
    from torchvision import datasets


class CIFAR(StoredImages):
    """50,000 training images of 32 by 32 pixels; the archive's own 10,000 test images are held out.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """

    archive: ClassVar[Literal["CIFAR10", "CIFAR100"]]
    """Class of torchvision.datasets that knows the archive."""

    root: Folder = Field(default=Path("~/.cache/flops-fit/cifar"), validate_default=True)
    """Folder that holds the archive as published (cifar-10-python.tar.gz), or what unpacking it gives."""
    download: bool = False
    """Whether to fetch the archive where `root` has none."""
    verify: bool = True
    """Whether files must be those published, by their checksums. Without, any files of the same names and
    format will do, e.g. a part of the data; they are pickles, which can run code: use your own only."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Offer none: the archive must be downloaded first."""
        return ()

    def prepare(self) -> None:
        """Download or unpack what `root` lacks, check it and read it once.

        Raises:
            DataError: `no-archive` or `archive-damaged`.
        """
        self._unpack()
        super().prepare()

    def split(self, name: SplitName) -> Split:
        """Return the archive's training or test images."""
        return _read(type(self).archive, self.root, self.verify, name == "train").split

    def class_names(self) -> tuple[str, ...]:
        """Return the names that the archive gives its classes."""
        return _read(type(self).archive, self.root, self.verify, True).class_names  # noqa: FBT003 - of training

    def _unpack(self) -> None:
        known = _archive_class(type(self).archive, verify=self.verify)
        packed = self.root / known.filename
        if (self.root / known.base_folder).is_dir():
            return
        if packed.is_file():
            _check(packed, known.tgz_md5 if self.verify else None)
            shutil.unpack_archive(packed, self.root, filter="data")
        elif self.download:
            _download(known, self.root)
        else:
            raise DataError(
                f"There is no {known.filename} in {self.root}, nor a folder {known.base_folder}.",
                fix="set `data.root` to the folder that holds one of them, or `data.download: true`",
                code="no-archive",
            )


class CIFAR10(CIFAR):
    """CIFAR-10: 10 classes."""

    kind: Literal["cifar10"] = "cifar10"
    archive: ClassVar[Literal["CIFAR10", "CIFAR100"]] = "CIFAR10"


class CIFAR100(CIFAR):
    """CIFAR-100: 100 classes."""

    kind: Literal["cifar100"] = "cifar100"
    archive: ClassVar[Literal["CIFAR10", "CIFAR100"]] = "CIFAR100"


class _Contents(NamedTuple):
    """What one part of an archive holds."""

    split: Split
    class_names: tuple[str, ...]


@lru_cache(maxsize=4)
def _read(archive: str, root: Path, verify: bool, train: bool) -> _Contents:  # noqa: FBT001 - private
    """Read the training or the test images into memory."""
    import numpy as np
    import torch

    known = _archive_class(archive, verify=verify)
    for name, md5 in [*known.train_list, *known.test_list, (known.meta["filename"], known.meta["md5"])]:
        _check(root / known.base_folder / name, md5)
    try:
        found = known(root, train=train)
    except Exception as error:  # unpickling raises anything, and unverified files may hold anything
        raise DataError(
            f"{root / known.base_folder} is not in the format of {archive}: {type(error).__name__}: {error}.",
            fix="put the published archive there, or write batches as it does: pickled dictionaries whose "
            "text keys `data` and `labels` (`fine_labels`) hold uint8 rows and integers",
            code="archive-damaged",
        ) from error
    images = torch.from_numpy(np.ascontiguousarray(found.data.transpose(0, 3, 1, 2)))
    labels = np.asarray(found.targets, np.int64)
    digest = hashlib.sha256(images.numpy().tobytes() + labels.tobytes()).hexdigest()[:16]
    split = Split(labels=labels, read=lambda rows: images[torch.from_numpy(rows)], fingerprint=digest)
    return _Contents(split, tuple(found.classes))


def _archive_class(archive: str, *, verify: bool) -> type[datasets.CIFAR10]:
    """Return torchvision's class of an archive; without `verify`, one that expects files but no checksums."""
    from torchvision import datasets

    known: type[datasets.CIFAR10] = getattr(datasets, archive)
    if verify:
        return known
    unknown = {
        "train_list": [[name, None] for name, _ in known.train_list],
        "test_list": [[name, None] for name, _ in known.test_list],
        "meta": {**known.meta, "md5": None},
    }
    return type(f"Unverified{archive}", (known,), unknown)


def _check(path: Path, md5: str | None) -> None:
    """Refuse a file that is missing or not the one published."""
    from torchvision.datasets.utils import check_integrity

    if check_integrity(path, md5):
        return
    if not path.is_file():
        raise DataError(
            f"There is no {path}.",
            fix="unpack the archive anew, or delete its folder and set `data.download: true`",
            code="no-archive",
        )
    raise DataError(
        f"{path} is not the file that was published: its checksum is another.",
        fix="delete it and set `data.download: true`; for a part of the data, or files of your own in the "
        "same format, set `data.verify: false`",
        code="archive-damaged",
    )


def _download(known: type[datasets.CIFAR10], root: Path) -> None:
    try:
        known(root, download=True)
    except Exception as error:
        raise DataError(
            f"{known.filename} cannot be downloaded into {root}: {type(error).__name__}: {error}",
            fix="connect to the network, or put the archive there and leave out `data.download`",
            code="no-archive",
        ) from error
