"""The model family `vit`: a ladder of vision transformers that share one learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, cast

from pydantic import Field

from flops_fit.components import DataSpec, ModelFamily, Size
from flops_fit.errors import DataError
from flops_fit_vit.ladder import Shape, aspect, shapes

if TYPE_CHECKING:
    import torch

    from flops_fit_vit.model import VisionTransformer


class ViT(ModelFamily):
    """Vision transformer in u-muP: one learning rate suits every rung.

    Learned positions, RMSNorm without gains, squared ReLU, no biases, no class token: the head reads the mean
    over patches.
    """

    kind: Literal["vit"] = "vit"
    default_lr: ClassVar[float] = 0.38
    lr_transfers: ClassVar[bool] = True
    """In u-muP units; docs/explanation/lr-transfer.md has the measurement."""

    patch_size: int = Field(default=4, ge=1)
    """Pixels on each side of a patch; it must divide both sides of the images."""
    depth: int | None = Field(default=None, ge=1)
    """Layers of every size; unset, depth grows slowly with width."""
    widths: tuple[Annotated[int, Field(ge=8)], ...] = ()
    """Widths to offer, e.g. [192, 384, 768]; unset, those that make steps of about 1.26 in parameters."""
    c_emb: float = Field(default=1.0, gt=0)
    """Patches and positions learn at c_emb·lr/√width, patches over the values in a patch."""
    depth_exponent: float = Field(default=0.5, ge=0, le=1)
    """Matrices inside the L layers learn at lr/(fan_in·L^depth_exponent)."""

    def ladder(self, n_min: float, n_max: float, data: DataSpec) -> Sequence[Size]:
        """List the rungs between `n_min` and `n_max` parameters for the images of `data`.

        Raises:
            DataError: `no-images` or `patches-do-not-fit`.
        """
        n_features = _images(data, self.patch_size).n_features
        chosen = self._of_widths() if self.widths else shapes(n_features, n_max, self.depth)
        sizes = (shape.size(n_features) for shape in chosen)
        return tuple(size for size in sizes if n_min <= size.n_params <= n_max)

    def build(self, size: Size, data: DataSpec) -> torch.nn.Module:
        """Build one ViT for the images of `data`."""
        from flops_fit_vit.model import VisionTransformer

        images = _images(data, self.patch_size)
        return VisionTransformer(
            Shape(**size.options),
            patch_size=self.patch_size,
            channels=images.channels,
            n_patches=images.n_patches,
            classes=images.classes,
        )

    def param_groups(self, module: torch.nn.Module, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Give each tensor its Adam rate, and a weight decay that shrinks all tensors alike.

        AdamW multiplies its weight decay by the group's rate, which is divided out here.
        Source: `unit_scaling` library, `optim.lr_scale_func_adam` and `lr_scale_for_depth`, with the forward
        multipliers folded into the rates (see `model.py`).
        """
        tensors = {name: p for name, p in module.named_parameters() if p.requires_grad}
        n_layers = len(cast("VisionTransformer", module).blocks)
        rates = {name: lr * self._rate(name, p, n_layers) for name, p in tensors.items()}
        return [
            {
                "params": [p for name, p in tensors.items() if rates[name] == rate],
                "lr": rate,
                "weight_decay": weight_decay / rate,
            }
            for rate in dict.fromkeys(rates.values())
        ]

    def _of_widths(self) -> list[Shape]:
        depths = {width: self.depth or max(1, round(width / aspect(width))) for width in set(self.widths)}
        return [Shape.of(width, depths[width]) for width in sorted(depths)]

    def _rate(self, name: str, weight: torch.Tensor, n_layers: int) -> float:
        """Return the Adam rate of one weight over the family's learning rate."""
        if name == "positions":
            return self.c_emb / math.sqrt(weight.shape[1])
        fan_out, fan_in = weight.shape
        if name == "patches.weight":
            return self.c_emb / (fan_in * math.sqrt(fan_out))
        if name == "head.weight":
            return 1 / fan_in
        return 1 / (fan_in * math.pow(n_layers, self.depth_exponent))


class _Images(NamedTuple):
    """What a ViT needs to know about its images."""

    channels: int
    n_patches: int
    classes: int
    n_features: int


def _images(data: DataSpec, patch_size: int) -> _Images:
    if data.unit != "image" or len(data.sample_shape) != 3 or data.n_classes is None:
        raise DataError(
            f"Model vit needs images of known classes; the data yield units of {data.unit!r}, rows of shape "
            f"{data.sample_shape} and {data.n_classes} classes.",
            fix="use an image source such as `data: {kind: gratings}`, or another model family",
            code="no-images",
        )
    channels, height, width = data.sample_shape
    if height % patch_size or width % patch_size:
        fitting = [n for n in range(1, min(height, width) + 1) if not (height % n or width % n)]
        raise DataError(
            f"Patches of {patch_size} by {patch_size} pixels do not fill images of {height} by {width}.",
            fix=f"set model.patch_size to one of {', '.join(map(str, fitting))}",
            code="patches-do-not-fit",
        )
    n_patches = height * width // patch_size**2
    n_features = channels * patch_size**2 + n_patches + data.n_classes
    return _Images(channels, n_patches, data.n_classes, n_features)
