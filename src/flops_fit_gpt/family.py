"""The model family `gpt`: a ladder of decoders that share one learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from flops_fit.components import DataSpec, ModelFamily, Size
from flops_fit.errors import DataError
from flops_fit_gpt.ladder import Shape, shapes

if TYPE_CHECKING:
    import torch

    from flops_fit_gpt.model import Decoder


class GPT(ModelFamily):
    """Decoder-only transformer in u-muP: one learning rate suits every rung.

    RMSNorm without gains, rotary positions, squared ReLU, no biases, embedding and head untied.
    Rungs narrower than 16 are offered where the size range asks for them; learning-rate transfer was
    measured from width 16 up.
    """

    kind: Literal["gpt"] = "gpt"
    default_lr: ClassVar[float] = 1.3
    lr_transfers: ClassVar[bool] = True
    """In u-muP units; docs/explanation/lr-transfer.md has the measurement."""
    causal: ClassVar[bool] = True

    c_emb: float = Field(default=4.0, gt=0)
    """The embedding learns at c_emb·lr/√width."""
    depth_exponent: float = Field(default=0.5, ge=0, le=1)
    """Matrices inside the L layers learn at lr/(fan_in·L^depth_exponent)."""

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        """List the rungs between `n_min` and `n_max` parameters for the vocabulary of `data`.

        Raises:
            DataError: `no-vocabulary`: the data are no tokens.
        """
        vocabulary = _vocabulary(data)
        sizes = (shape.size(vocabulary) for shape in shapes(vocabulary, n_max))
        return tuple(size for size in sizes if size.n_params >= n_min)

    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        """Build one decoder for rows of `data.units_per_sample` tokens."""
        from flops_fit_gpt.model import Decoder

        return Decoder(Shape(**size.options), vocabulary=_vocabulary(data), length=data.units_per_sample)

    def param_groups(self, module: torch.nn.Module, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Give each tensor its Adam rate, and a weight decay that shrinks all tensors alike.

        AdamW multiplies its weight decay by the group's rate, which is divided out here.
        Source: `unit_scaling` library, `optim.lr_scale_func_adam` and `lr_scale_for_depth`, with the forward
        multipliers folded into the rates (see `model.py`); c_emb: docs/explanation/lr-transfer.md.
        """
        tensors = {name: p for name, p in module.named_parameters() if p.requires_grad}
        n_layers = len(cast("Decoder", module).blocks)
        rates = {name: lr * self._rate(name, p, n_layers) for name, p in tensors.items()}
        return [
            {
                "params": [p for name, p in tensors.items() if rates[name] == rate],
                "lr": rate,
                "weight_decay": weight_decay / rate,
            }
            for rate in dict.fromkeys(rates.values())
        ]

    def _rate(self, name: str, weight: torch.Tensor, n_layers: int) -> float:
        """Return the Adam rate of one weight, shape (fan_out, fan_in), over the family's learning rate."""
        width = weight.shape[1]
        if name == "embedding.weight":
            return self.c_emb / math.sqrt(width)
        if name == "head.weight":
            return 1 / width
        return 1 / (width * math.pow(n_layers, self.depth_exponent))


def _vocabulary(data: DataSpec) -> int:
    if data.unit != "token" or data.n_classes is None:
        raise DataError(
            f"Model gpt needs tokens of a known vocabulary; the data yield units of {data.unit!r} "
            f"with {data.n_classes} classes.",
            fix="use a text source such as `data: {kind: stdlib_text}`, or another model family",
            code="no-vocabulary",
        )
    return data.n_classes
