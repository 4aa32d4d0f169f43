"""Which shapes of ViT to train, for any images: pure arithmetic, no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count, takewhile

from flops_fit.components import Size

MLP_RATIO = 4
"""Width of the MLP over the width of the stream."""
STEP = 2 ** (1 / 3)
"""Each rung aims at this many times the parameters of the rung before."""
UNUSUAL = 3
"""No rung is this many times deeper for its width than usual, even where that leaves a larger step."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells one ViT of the family from another."""

    width: int
    n_layers: int
    n_heads: int

    @classmethod
    def of(cls, width: int, n_layers: int) -> Shape:
        """Return the shape whose heads are as wide as usual, or wider where these do not fit."""
        most = max(1, width // d_head(width))
        return cls(width, n_layers, next(n for n in range(most, 0, -1) if width % n == 0))

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.width // self.n_heads

    def n_params_body(self) -> int:
        """Count the attention's 4·width² and the MLP's 8·width² per layer."""
        return (4 + 2 * MLP_RATIO) * self.n_layers * self.width**2

    def n_params(self, n_features: int) -> int:
        """Count all parameters.

        Args:
            n_features: Values in a patch, patches in an image and classes, together: what the patch and
                position embeddings and the head hold for each unit of width.
        """
        return n_features * self.width + self.n_params_body()

    def size(self, n_features: int) -> Size:
        """Describe this shape as a rung of the ladder."""
        return Size(
            name=f"d{self.width}-L{self.n_layers}",
            n_params=self.n_params(n_features),
            n_params_nonembedding=self.n_params_body(),
            options=asdict(self),
        )


@lru_cache(maxsize=32)
def shapes(n_features: int, n_max: float, depth: int | None = None) -> Sequence[Shape]:
    """List shapes up to `n_max` parameters, increasing in parameters and never narrowing.

    Steps are close to 2^(1/3) except at the bottom, where width and depth are small integers.

    Args:
        n_features: See `Shape.n_params`.
        n_max: Parameters of the largest shape, at most.
        depth: Layers of every shape; None lets depth grow with width.
    """
    chosen: list[Shape] = []
    for target in _targets(Shape.of(8, depth or 1).n_params(n_features), n_max):
        shape = min(_candidates(n_features, target, depth), key=lambda s: _misfit(s, n_features, target))
        if not chosen or (shape.width >= chosen[-1].width and _more(shape, chosen[-1], n_features)):
            chosen.append(shape)
    return tuple(shape for shape in chosen if shape.n_params(n_features) <= n_max)


def aspect(width: int) -> float:
    """Return the preferred width/depth: it grows slowly, so that depth keeps pace with width.

    From 10 at width 8 to 46 at width 704; ViT-Tiny to ViT-Huge have 16 to 40.
    """
    return 5 * math.pow(width, 0.34)


def d_head(width: int) -> int:
    """Return the usual width of a head."""
    return next(d_head for below, d_head in ((64, 8), (192, 16), (384, 32), (math.inf, 64)) if width < below)


def _more(shape: Shape, last: Shape, n_features: int) -> bool:
    return shape.n_params(n_features) > last.n_params(n_features)


def _targets(smallest: float, n_max: float) -> Iterator[float]:
    return takewhile(lambda target: target < n_max * STEP, (smallest * STEP**k for k in count()))


def _candidates(n_features: int, target: float, depth: int | None) -> Iterator[Shape]:
    """Yield, for each width, the depth asked for, or those next to the target's and to the preferred one."""
    for width in _widths():
        shallowest = Shape.of(width, depth or 1)
        exact = (target - n_features * width) / Shape.of(width, 1).n_params_body()
        around = {rounded for value in (exact, width / aspect(width)) for rounded in _neighbours(value)}
        usual = [n_layers for n_layers in around if width / n_layers > aspect(width) / UNUSUAL]
        yield from (Shape.of(width, n_layers) for n_layers in ([depth] if depth else sorted(usual)))
        if shallowest.n_params(n_features) > STEP * target:
            return


def _neighbours(depth: float) -> tuple[int, int]:
    return max(1, math.floor(depth)), max(1, math.ceil(depth))


def _misfit(shape: Shape, n_features: int, target: float) -> float:
    """Weigh missing the target size against an unusual ratio of width to depth."""
    off_target = math.log(shape.n_params(n_features) / target)
    off_aspect = math.log(shape.width / shape.n_layers / aspect(shape.width))
    return abs(off_target) + 0.16 * abs(off_aspect)


def _widths() -> Iterator[int]:
    """Yield 8, 12, ..., 32, then whole numbers of heads: 40, ..., 64, 80, ..., 384, ..., 2048, ..."""
    width = 8
    while True:
        yield width
        # Up to 2048 this is one head; from there on the steps keep pace, so that no budget takes for ever.
        width += 4 if width < 32 else max(d_head(width), 2 ** (width.bit_length() - 5))
