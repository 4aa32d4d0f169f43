"""The data source `gratings`: procedural images whose labels have a Bayes loss that is known exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flops_fit.components import Batch, DataSource, DataSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]

WAVES, TRAIN, HELD_OUT = range(3)
"""What a random stream is for: streams of different purposes share no number."""


class Gratings(DataSource):
    """Sums of sine gratings at random phases; the label is drawn from a smooth random function of the phases.

    An image without noise shows its phases exactly, so the best that any model can know is the probability
    of each label given the phases, which is how labels are drawn: the least loss is known on the very images
    that are evaluated. Images are made as they are needed, without end, a download or a repetition. The
    function is a Fourier series whose terms fall off as a power of their frequency: larger models and more
    images resolve ever finer ones.
    """

    kind: Literal["gratings"] = "gratings"

    side: int = Field(default=16, ge=4)
    """Pixels on each side; images have one channel."""
    n_gratings: int = Field(default=3, ge=1, le=4)
    """Gratings in one image, each with a phase of its own."""
    n_classes: int = Field(default=10, ge=2)
    """Labels."""
    max_frequency: int = Field(default=3, ge=1, le=8)
    """Of the function from phases to labels, along each phase."""
    smoothness: float = Field(default=1.5, ge=0)
    """Terms of the function fall off as frequency to the minus this power."""
    scale: float = Field(default=3.0, gt=0)
    """Standard deviation of a label's logit; larger makes labels more certain and the floor lower."""
    world: int = Field(default=0, ge=0)
    """Which function is drawn."""
    eval_images: int = Field(default=4096, ge=1)
    """Images of the held-out set."""

    def spec(self) -> DataSpec:
        """Describe the images: no two are the same, so there is no epoch."""
        shape = (1, self.side, self.side)
        return DataSpec(
            unit="image", units_per_sample=1, n_units=None, n_classes=self.n_classes, sample_shape=shape
        )

    def probe_batch(self, batch_size: int) -> Batch:
        """Return the first training batch of seed 0."""
        return next(self.train_batches(batch_size, seed=0))

    def train_batches(self, batch_size: int, seed: int, start_step: int = 0) -> Iterator[Batch]:
        """Yield new images without end; those of a step depend on the seed and the step alone."""
        step = start_step
        while True:
            phases, labels = self._drawn(batch_size, TRAIN, seed, step)
            yield self._batch(phases, labels)
            step += 1

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the held-out images."""
        phases, labels = self._held_out()
        for first in range(0, self.eval_images, batch_size):
            part = slice(first, first + batch_size)
            yield self._batch(phases[part], labels[part])

    def bayes_loss(self) -> float:
        """Return the mean of -ln p(label | image) over the held-out images, in nats."""
        import numpy as np

        phases, labels = self._held_out()
        return -float(self._log_probabilities(phases)[np.arange(len(labels)), labels].mean())

    def _held_out(self) -> tuple[Floats, NDArray[np.int64]]:
        return self._drawn(self.eval_images, HELD_OUT, self.world)

    def _drawn(self, n: int, *stream: int) -> tuple[Floats, NDArray[np.int64]]:
        """Draw phases, shape (n, n_gratings), and labels, shape (n,), from one random stream."""
        import numpy as np

        random = np.random.default_rng(stream)
        phases, quantiles = 2 * math.pi * random.random((n, self.n_gratings)), random.random((n, 1))
        cumulative = np.exp(self._log_probabilities(phases)).cumsum(1)
        return phases, (cumulative[:, :-1] < quantiles).sum(1)

    def _log_probabilities(self, phases: Floats) -> Floats:
        """Return ln p(label | phases), shape (n, n_classes)."""
        import numpy as np

        weights = fourier_series(
            self.n_gratings, self.n_classes, self.max_frequency, self.smoothness, self.world
        )
        logits = self.scale * (waves_at(phases, self.max_frequency) @ weights).real
        logits -= logits.max(1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))  # type: ignore[no-any-return]

    def _batch(self, phases: Floats, labels: NDArray[np.int64]) -> Batch:
        import numpy as np
        import torch

        parts = np.concatenate([np.cos(phases), np.sin(phases)], 1)
        pixels = parts @ quadratures(self.n_gratings, self.side)
        pixels = pixels.reshape(-1, 1, self.side, self.side).astype(np.float32)
        return {"pixel_values": torch.from_numpy(pixels), "labels": torch.from_numpy(labels)}


@lru_cache(maxsize=4)
def fourier_series(
    n_phases: int, n_classes: int, max_frequency: int, smoothness: float, world: int
) -> Complexes:
    """Draw a random function on the torus of phases for each class.

    Returns:
        Weights of the waves of `waves_at`, shape (n_terms, n_classes): the function is the real part of their
        sum. Values have a standard deviation of about 1.
    """
    import numpy as np

    span = range(-max_frequency, max_frequency + 1)
    frequencies = np.array([k for k in product(span, repeat=n_phases) if k > (0,) * n_phases], dtype=float)
    falloff = np.linalg.norm(frequencies, axis=1) ** -smoothness
    falloff /= np.linalg.norm(falloff)
    random = np.random.default_rng((WAVES, world))
    cosines, sines = random.standard_normal((2, len(falloff), n_classes))
    weights: Complexes = falloff[:, None] * (cosines - 1j * sines)
    return weights


def waves_at(phases: Floats, max_frequency: int) -> Complexes:
    """Return e^(i k·phases) for one k of each pair k and -k, up to `max_frequency` along each phase.

    Args:
        phases: Shape (n, n_phases).
        max_frequency: Largest integer in k.

    Returns:
        Shape (n, n_terms); of two k the one that is larger as a tuple comes later.
    """
    import numpy as np

    # Products of the waves along each phase: far fewer exponentials than there are terms.
    along = np.exp(1j * phases[:, :, None] * np.arange(-max_frequency, max_frequency + 1))
    waves: Complexes = along[:, 0]
    for of_phase in along.swapaxes(0, 1)[1:]:
        waves = (waves[:, :, None] * of_phase[:, None]).reshape(len(phases), -1)
    return waves[:, waves.shape[1] // 2 + 1 :]


@lru_cache(maxsize=4)
def quadratures(n_gratings: int, side: int) -> Floats:
    """Return what cosine and sine of each phase contribute to an image, shape (2·n_gratings, side²).

    Gratings are whole waves over the image, in directions as different as their number allows, so that they
    are orthogonal and an image determines its phases. Pixels have unit variance.
    """
    import numpy as np

    vectors = np.array([(1, 0), (0, 1), (1, 1), (1, -1)][:n_gratings])
    y, x = np.divmod(np.arange(side**2), side)
    angles = 2 * math.pi / side * (vectors @ np.stack([x, y]))
    return math.sqrt(2 / n_gratings) * np.concatenate([np.cos(angles), -np.sin(angles)])
