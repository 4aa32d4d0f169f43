"""The model family `gated_ssm`: one architecture at every width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flops_fit.components import DataSpec, ModelFamily, Size
from flops_fit.errors import DataError
from pydantic import Field

if TYPE_CHECKING:
    import torch

GRAIN = 4
"""Widths are multiples of this."""
STEP = 1.12
"""Each width is about this many times the one before, and at least one grain more."""


class GatedSsmFamily(ModelFamily):
    """A gated diagonal state-space language model; its sizes differ in width.

    RMSNorm without gains, no biases, embedding and head untied.
    """

    kind: Literal["gated_ssm"] = "gated_ssm"
    default_lr: ClassVar[float] = 0.65
    lr_transfers: ClassVar[bool] = True
    """README.md has the measurement."""
    causal: ClassVar[bool] = True

    n_layers: int = Field(default=2, ge=1)
    """Blocks, the same at every width."""

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        """List the sizes between `n_min` and `n_max` parameters for the vocabulary of `data`."""
        vocabulary = vocabulary_of(data)
        sizes: list[Size] = []
        for width in _widths():
            size = self._size(width, vocabulary)
            if size.n_params > n_max:
                break
            if size.n_params >= n_min:
                sizes.append(size)
        return tuple(sizes)

    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        """Build one size; its longest memory at the start of training is one row of the data."""
        from gated_ssm.model import GatedSsmNetwork

        width = size.options["width"]
        return GatedSsmNetwork(
            width, self.n_layers, vocabulary=vocabulary_of(data), horizon=data.units_per_sample
        )

    def param_groups(self, module: torch.nn.Module, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Scale each tensor's rate with its width, so that one `lr` suits all sizes.

        Matrices learn at lr/fan_in and the embedding at 4·lr/√width, as in u-muP.
        Source: Blake et al. 2024, arXiv:2407.17465; the 4 is from the GPT of flops-fit.
        """
        embedding = module.get_parameter("embedding.weight")
        matrices = [parameter for parameter in module.parameters() if parameter is not embedding]
        width = embedding.shape[1]
        rates = (4 * lr / math.sqrt(width), lr / width)
        return [
            {"params": params, "lr": rate, "weight_decay": weight_decay / rate}
            for params, rate in zip(([embedding], matrices), rates, strict=True)
        ]

    def _size(self, width: int, vocabulary: int) -> Size:
        in_blocks = 4 * self.n_layers * width**2
        return Size(
            name=f"d{width}",
            n_params=in_blocks + 2 * vocabulary * width,
            n_params_nonembedding=in_blocks,
            options={"width": width},
        )


def _widths() -> Iterator[int]:
    """Yield 8, 12, 16, ..., 40, 44, 48, 52, 60, ... without end."""
    width = 2 * GRAIN
    while True:
        yield width
        width = max(width + GRAIN, round(STEP * width / GRAIN) * GRAIN)


def vocabulary_of(data: DataSpec) -> int:
    """Return the number of token ids, or raise DataError `no-vocabulary` where the data are no tokens."""
    if data.unit != "token" or data.n_classes is None:
        raise DataError(
            f"Model gated_ssm needs tokens of a known vocabulary; the data yield units of {data.unit!r} "
            f"with {data.n_classes} classes.",
            fix="use a text source such as `data: {kind: stdlib_text}`",
            code="no-vocabulary",
        )
    return data.n_classes
