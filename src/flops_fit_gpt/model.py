"""A decoder-only transformer in u-muP, written in init form: the scale of a weight is its initial deviation.

u-muP states a forward multiplier A, a unit initial deviation and an Adam rate multiplier C for each weight.
Adam does not see the scale of gradients, so folding A into the weight (initial deviation A, rate A·C) trains
the same function, and needs neither multipliers nor a custom backward pass. The rates are in `family.py`.
Source: Blake et al. 2024, arXiv:2407.17465; factors as in the `unit_scaling` library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, rms_norm, scaled_dot_product_attention

from flops_fit_gpt.ladder import MLP_RATIO, Shape

NORM_EPS = 1e-6
ROPE_BASE = 10_000.0
RELU_SQUARED_SCALE = math.sqrt(2 / 3)
"""Gives relu(z)² a unit mean square: E[relu(z)⁴] = 3/2 for a standard normal z."""


class Decoder(nn.Module):
    """Maps `input_ids`, int64 (batch, length), to logits, (batch, length, vocabulary)."""

    rope: Tensor

    def __init__(self, shape: Shape, *, vocabulary: int, length: int) -> None:
        """Draw the weights from torch's global generator.

        Args:
            shape: Width, layers and heads.
            vocabulary: Number of token ids.
            length: Tokens per training row. It fixes the attention scale, so evaluation at other lengths,
                which must not exceed it, computes the same function.
        """
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape, length) for _ in range(shape.n_layers))
        self.head = nn.Linear(shape.width, vocabulary, bias=False)
        self.register_buffer("rope", rope_table(length, shape.d_head), persistent=False)
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.head.weight, std=1 / shape.width)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return next-token logits for every position."""
        stream = self.embedding(batch["input_ids"])
        rope = self.rope[:, : stream.shape[1]]
        for block in self.blocks:
            stream = block(stream, rope)
        logits: Tensor = self.head(_norm(stream))
        return logits


class Block(nn.Module):
    """Attention, then a squared-ReLU MLP, each added to the stream with a fixed weight.

    u-muP's weights of skip and branch change from one branch to the next; with norms that ignore scale they
    equal x + f(norm(x))/√L throughout.
    """

    def __init__(self, shape: Shape, length: int) -> None:
        super().__init__()
        width = shape.width
        self.n_heads, self.d_head = shape.n_heads, shape.d_head
        self.qkv = _hidden(width, 3 * width)
        self.out = _hidden(width, width)
        self.up = _hidden(width, MLP_RATIO * width)
        self.down = _hidden(MLP_RATIO * width, width)
        # 1/d_head, not its root: queries and keys align during training, so logits grow like d_head.
        self.softmax_scale = 1 / shape.d_head
        self.attention_weight = attention_scale(length, shape.d_head) / math.sqrt(shape.n_layers)
        self.mlp_weight = RELU_SQUARED_SCALE / math.sqrt(shape.n_layers)

    def forward(self, stream: Tensor, rope: Tensor) -> Tensor:
        """Return the stream after both branches, shape (batch, length, width)."""
        stream = torch.add(stream, self.out(self._attend(_norm(stream), rope)), alpha=self.attention_weight)
        return torch.add(stream, self.down(relu(self.up(_norm(stream))).square()), alpha=self.mlp_weight)

    def _attend(self, x: Tensor, rope: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.n_heads, self.d_head))
        q, k = rotate(qkv[:, :, :2], rope).transpose(1, 3).unbind(2)
        v = qkv[:, :, 2].transpose(1, 2)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.softmax_scale)
        return mixed.transpose(1, 2).flatten(2)


def attention_scale(length: int, d_head: int) -> float:
    """Return the factor that gives the attention output about unit scale at initialisation.

    It interpolates, on a log scale, between averaging all earlier values and picking one of them.
    Source: `unit_scaling` library, `functional.scaled_dot_product_attention`, causal, mult = 1.
    """
    if length == 1:
        return 1.0
    averaging = 4 * d_head / (1 + 4 * d_head)
    return math.pow(length / math.log(length), averaging / 2)


def rope_table(length: int, d_head: int) -> Tensor:
    """Return cosines and signed sines of the rotary angles, shape (2, length, 1, 1, d_head).

    Source: Su et al. 2021, arXiv:2104.09864, equation 34, with dimension i paired with i + d_head/2.
    """
    frequency = ROPE_BASE ** -(torch.arange(0, d_head, 2) / d_head)
    angle = torch.outer(torch.arange(length), frequency)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)])[:, :, None, None, :]


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Rotate queries and keys, shape (batch, length, 2, n_heads, d_head), by their positions."""
    cos, sin = rope.to(x.dtype)
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)


def _norm(x: Tensor) -> Tensor:
    return rms_norm(x, x.shape[-1:], eps=NORM_EPS)


def _hidden(fan_in: int, fan_out: int) -> nn.Linear:
    linear = nn.Linear(fan_in, fan_out, bias=False)
    nn.init.normal_(linear.weight, std=1 / math.sqrt(fan_in))
    return linear
