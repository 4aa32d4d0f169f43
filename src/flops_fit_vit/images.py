"""Images that are kept somewhere and read again each epoch: the part that every such source shares."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from flops_fit.components import Batch, DataSource, DataSpec

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Rows = NDArray[np.intp]

Folder = Annotated[Path, AfterValidator(Path.expanduser)]
SplitName = Literal["train", "held_out"]
Augmentation = Literal["crop", "flip", "trivial_augment"]

CENTRE, SPREAD = 0.5, 0.25
"""Pixels between 0 and 1 less CENTRE, over SPREAD: photographs then have about unit variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Labelled images that are trained on, or those held out."""

    labels: NDArray[np.int64]
    read: Callable[[Rows], torch.Tensor]
    """Returns the images of these rows, uint8, shape (rows, channels, height, width)."""
    fingerprint: str
    """Changes whenever an image or a label does."""


class StoredImages(DataSource):
    """A data source made of two sets of labelled images: one trained on, again each epoch, one held out."""

    augment: tuple[Augmentation, ...] = ()
    """How training images are varied: crop (shifts by up to an eighth), flip (left to right), and
    trivial_augment, in the order written; drawn anew for each image and step."""
    eval_images: int | None = Field(default=None, ge=1)
    """Images of the held-out set, spread evenly over it; unset, all of them."""

    @abstractmethod
    def split(self, name: SplitName) -> Split:
        """Return one split; cheap after `prepare`."""

    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Name the classes in the order of their labels."""

    def prepare(self) -> None:
        """Read both splits once."""
        self.split("train")
        self.split("held_out")

    def spec(self) -> DataSpec:
        """Describe the training split: one epoch is every image once."""
        import numpy as np

        train = self.split("train")
        return DataSpec(
            unit="image",
            units_per_sample=1,
            n_units=len(train.labels),
            n_classes=len(self.class_names()),
            sample_shape=tuple(train.read(np.zeros(1, np.intp)).shape[1:]),
        )

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield batches without end; each epoch visits every image once, in an order of its own."""
        train, transform = self.split("train"), self._training_transform()
        orders = _Orders(len(train.labels), seed)
        step = start_step
        while True:
            rows = orders.rows(step * batch_size, batch_size)
            yield _batch(transform(train.read(rows), seed, step), train, rows)
            step += 1

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the held-out images, not varied."""
        import numpy as np

        held_out = self.split("held_out")
        n_rows = min(self.eval_images or len(held_out.labels), len(held_out.labels))
        chosen = np.arange(n_rows) * len(held_out.labels) // n_rows
        for first in range(0, n_rows, batch_size):
            rows = chosen[first : first + batch_size]
            yield _batch(held_out.read(rows), held_out, rows)

    def identity(self) -> dict[str, Any]:
        """Return what a run depends on: the images, wherever they are kept, and how they are varied."""
        return {
            "train": self.split("train").fingerprint,
            "held_out": self.split("held_out").fingerprint,
            "augment": list(self.augment),
            "eval_images": self.eval_images,
        }

    def _training_transform(self) -> Callable[[torch.Tensor, int, int], torch.Tensor]:
        """Return what varies the images of a step; what it draws depends on the seed and the step alone."""
        if not self.augment:
            return lambda images, _seed, _step: images
        import torch
        from torchvision.transforms import v2

        def vary(images: torch.Tensor, seed: int, step: int) -> torch.Tensor:
            # These transforms draw from torch's global generator, whose state belongs to the run.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_mixed(seed, step))
                return torch.stack([transform(image) for image in images])

        side = self.spec().sample_shape[-1]
        known = {
            "crop": v2.RandomCrop(side, padding=max(1, side // 8)),
            "flip": v2.RandomHorizontalFlip(),
            "trivial_augment": v2.TrivialAugmentWide(),
        }
        transform = v2.Compose([known[name] for name in self.augment])
        return vary


class _Orders:
    """The rows of a training run, one shuffled epoch after the other."""

    def __init__(self, n_rows: int, seed: int) -> None:
        self._n_rows, self._seed = n_rows, seed
        self._epoch = -1
        self._order: Rows

    def rows(self, start: int, n: int) -> Rows:
        """Return `n` rows, the first of them the `start`-th of the run."""
        import numpy as np

        found: list[Rows] = []
        while n:
            epoch, done = divmod(start, self._n_rows)
            found.append(self._of_epoch(epoch)[done : done + n])
            start, n = start + len(found[-1]), n - len(found[-1])
        return np.concatenate(found)

    def _of_epoch(self, epoch: int) -> Rows:
        import numpy as np

        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng((self._seed, epoch)).permutation(self._n_rows)
        return self._order


def _batch(images: torch.Tensor, split: Split, rows: Rows) -> Batch:
    import torch

    pixels = images.float().div_(255).sub_(CENTRE).div_(SPREAD)
    return {"pixel_values": pixels, "labels": torch.from_numpy(split.labels[rows])}


def _mixed(seed: int, step: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{step}".encode(), digest_size=8).digest(), "big") >> 1
