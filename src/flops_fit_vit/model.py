"""A vision transformer in u-muP, written in init form: the scale of a weight is its initial deviation.

u-muP states a forward multiplier A, a unit initial deviation and an Adam rate multiplier C for each weight.
Adam does not see the scale of gradients, so folding A into the weight (initial deviation A, rate A·C) trains
the same function, and needs neither multipliers nor a custom backward pass. The rates are in `family.py`.
Source: Blake et al. 2024, arXiv:2407.17465, for the body; Dosovitskiy et al. 2020, arXiv:2010.11929, for
patches and learned positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, rms_norm, scaled_dot_product_attention

from flops_fit_vit.ladder import MLP_RATIO, Shape

NORM_EPS = 1e-6
RELU_SQUARED_SCALE = math.sqrt(2 / 3)
"""Gives relu(z)² a unit mean square: E[relu(z)⁴] = 3/2 for a standard normal z."""


class VisionTransformer(nn.Module):
    """Maps `pixel_values`, float (batch, channels, height, width), to logits, (batch, classes)."""

    def __init__(self, shape: Shape, *, patch_size: int, channels: int, n_patches: int, classes: int) -> None:
        """Draw the weights from torch's global generator."""
        super().__init__()
        self.patch_size = patch_size
        self.patches = _hidden(channels * patch_size**2, shape.width)
        self.positions = nn.Parameter(torch.randn(n_patches, shape.width))
        self.blocks = nn.ModuleList(Block(shape, n_patches) for _ in range(shape.n_layers))
        self.head = nn.Linear(shape.width, classes, bias=False)
        nn.init.normal_(self.head.weight, std=1 / shape.width)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the logits of each image."""
        stream = self.patches(cut(batch["pixel_values"], self.patch_size)) + self.positions
        for block in self.blocks:
            stream = block(stream)
        logits: Tensor = self.head(_norm(stream.mean(1)))
        return logits


class Block(nn.Module):
    """Attention of all patches to all, then a squared-ReLU MLP, each added to the stream with a fixed weight.

    u-muP's weights of skip and branch change from one branch to the next; with norms that ignore scale they
    equal x + f(norm(x))/√L throughout.
    """

    def __init__(self, shape: Shape, n_patches: int) -> None:
        super().__init__()
        width = shape.width
        self.n_heads, self.d_head = shape.n_heads, shape.d_head
        self.qkv = _hidden(width, 3 * width)
        self.out = _hidden(width, width)
        self.up = _hidden(width, MLP_RATIO * width)
        self.down = _hidden(MLP_RATIO * width, width)
        # 1/d_head, not its root: queries and keys align during training, so logits grow like d_head.
        self.softmax_scale = 1 / shape.d_head
        self.attention_weight = attention_scale(n_patches, shape.d_head) / math.sqrt(shape.n_layers)
        self.mlp_weight = RELU_SQUARED_SCALE / math.sqrt(shape.n_layers)

    def forward(self, stream: Tensor) -> Tensor:
        """Return the stream after both branches, shape (batch, patches, width)."""
        stream = torch.add(stream, self.out(self._attend(_norm(stream))), alpha=self.attention_weight)
        return torch.add(stream, self.down(relu(self.up(_norm(stream))).square()), alpha=self.mlp_weight)

    def _attend(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.n_heads, self.d_head))
        q, k, v = qkv.transpose(1, 3).unbind(2)
        mixed = scaled_dot_product_attention(q, k, v, scale=self.softmax_scale)
        return mixed.transpose(1, 2).flatten(2)


def cut(images: Tensor, patch_size: int) -> Tensor:
    """Cut images, (batch, channels, height, width), into patches, row by row: (batch, patches, values)."""
    batch, channels, height, width = images.shape
    tiles = images.view(batch, channels, height // patch_size, patch_size, width // patch_size, patch_size)
    return tiles.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def attention_scale(n_patches: int, d_head: int) -> float:
    """Return the factor that gives the attention output about unit scale at initialisation.

    It interpolates, on a log scale, between averaging all values and picking one of them.
    Source: `unit_scaling` library, `functional.scaled_dot_product_attention`, not causal, mult = 1.
    """
    averaging = 4 * d_head / (1 + 4 * d_head)
    return math.pow(n_patches, averaging / 2)


def _norm(x: Tensor) -> Tensor:
    return rms_norm(x, x.shape[-1:], eps=NORM_EPS)


def _hidden(fan_in: int, fan_out: int) -> nn.Linear:
    linear = nn.Linear(fan_in, fan_out, bias=False)
    nn.init.normal_(linear.weight, std=1 / math.sqrt(fan_in))
    return linear
