"""Which shapes of GPT to train, for any vocabulary: pure arithmetic, no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import count, takewhile

from flops_fit.components import Size

MLP_RATIO = 4
"""Width of the MLP over the width of the stream."""
STEP = 2 ** (1 / 3)
"""Each rung aims at this many times the parameters of the rung before."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells one GPT of the family from another."""

    width: int
    n_layers: int
    n_heads: int

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.width // self.n_heads

    def n_params_nonembedding(self) -> int:
        """Count the attention's 4·width² and the MLP's 8·width² per layer."""
        return (4 + 2 * MLP_RATIO) * self.n_layers * self.width**2

    def n_params(self, vocabulary: int) -> int:
        """Count all parameters; embedding and head are not tied."""
        return 2 * vocabulary * self.width + self.n_params_nonembedding()

    def size(self, vocabulary: int) -> Size:
        """Describe this shape as a rung of the ladder."""
        return Size(
            name=f"d{self.width}-L{self.n_layers}",
            n_params=self.n_params(vocabulary),
            n_params_nonembedding=self.n_params_nonembedding(),
            options=asdict(self),
        )


TINY = (Shape(8, 1, 1), Shape(12, 1, 1))
"""Below the widths at which learning-rate transfer was measured: cheap, but their best rate may differ."""


@lru_cache(maxsize=32)
def shapes(vocabulary: int, n_max: float) -> Sequence[Shape]:
    """List shapes up to `n_max` parameters, increasing in parameters and never narrowing.

    Steps are close to 2^(1/3) except at the bottom, where width and depth are small integers and the
    vocabulary's share is large.
    """
    chosen = list(TINY)
    for target in _targets(vocabulary, n_max):
        shape = min(_candidates(vocabulary, target), key=lambda s: _misfit(s, vocabulary, target))
        last = chosen[-1]
        if shape.width >= last.width and shape.n_params(vocabulary) > last.n_params(vocabulary):
            chosen.append(shape)
    return tuple(shape for shape in chosen if shape.n_params(vocabulary) <= n_max)


def _targets(vocabulary: int, n_max: float) -> Iterator[float]:
    """Yield the parameter counts to aim at, from just below the smallest shape to just above `n_max`."""
    smallest = Shape(16, 1, 2).n_params(vocabulary)
    # Any start would do; these two reproduce the ladders that the tests list for 256, 4096 and 50304.
    start = 1e4 if vocabulary < 2**14 else 1.702e6
    first = math.floor(math.log(smallest / start, STEP))
    return takewhile(lambda target: target < n_max * STEP, (start * STEP**k for k in count(first)))


def _candidates(vocabulary: int, target: float) -> Iterator[Shape]:
    """Yield, for each width, the depths next to the one that meets the target and to the preferred one."""
    for width in _widths():
        shape = Shape(width, 1, width // _d_head(width))
        exact = (target - 2 * vocabulary * width) / shape.n_params_nonembedding()
        for depth in (exact, width / _aspect(width)):
            yield replace(shape, n_layers=max(1, math.floor(depth)))
            yield replace(shape, n_layers=max(1, math.ceil(depth)))
        if shape.n_params(vocabulary) > STEP * target:
            return


def _misfit(shape: Shape, vocabulary: int, target: float) -> float:
    """Weigh missing the target size against an unusual ratio of width to depth."""
    size = math.log(shape.n_params(vocabulary) / target)
    aspect = math.log(shape.width / shape.n_layers / _aspect(shape.width))
    return abs(size) + 0.16 * abs(aspect)


def _aspect(width: int) -> float:
    """Return the preferred width/depth: it grows slowly, so that depth keeps pace with width.

    From 13 at width 16 to 46 at width 704. The depth exponent of the learning rate is the least certain of
    the u-muP rules, so a slow change of shape along the ladder is worth more than any particular shape.
    """
    return 5 * math.pow(width, 0.34)


def _widths() -> Iterator[int]:
    """Yield whole numbers of heads: 16, 24, ..., 64, 80, ..., 192, ..., 384, 448, ..., 2048, 2176, ..."""
    width = 16
    while True:
        yield width
        # Up to 2048 this is one head; from there on the steps keep pace, so that no budget takes for ever.
        width += max(_d_head(width), 2 ** (width.bit_length() - 5))


def _d_head(width: int) -> int:
    return next(d_head for below, d_head in ((64, 8), (192, 16), (384, 32), (math.inf, 64)) if width < below)
