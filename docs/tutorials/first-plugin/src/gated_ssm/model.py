"""A language model that remembers by a linear recurrence whose decay depends on the input.

Each channel of a block holds one number h and updates it by h_t = a_t·h_{t-1} + (1 - a_t)·v_t with a decay
a_t between 0 and 1: a state-space model with a diagonal transition.
Source: minGRU, Feng et al. 2024, arXiv:2410.01201, section 3.1, for the recurrence; the gate on what is read
from the state is that of gated linear units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, rms_norm, silu


class GatedSsmNetwork(nn.Module):
    """Maps `input_ids`, int64 (batch, length), to logits, (batch, length, vocabulary)."""

    def __init__(self, width: int, n_layers: int, *, vocabulary: int, horizon: int) -> None:
        """Draw the weights from torch's global generator.

        Args:
            width: Width of the stream, and memories per block.
            n_layers: Blocks.
            vocabulary: Number of token ids.
            horizon: Tokens after which the longest memory has faded, at the start of training.
        """
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, horizon) for _ in range(n_layers))
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.head.weight, std=1 / width)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return next-token logits for every position."""
        stream = self.embedding(batch["input_ids"])
        for block in self.blocks:
            stream = stream + block(stream)
        logits: Tensor = self.head(_norm(stream))
        return logits


class Block(nn.Module):
    """Writes to `width` memories, each with a decay of its own, and reads them through a gate."""

    lean: Tensor

    def __init__(self, width: int, horizon: int) -> None:
        super().__init__()
        self.into = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        for linear in (self.into, self.out):
            nn.init.normal_(linear.weight, std=1 / math.sqrt(width))
        # Logits of decays 1 - 1/h for memories of h = 2 to `horizon` tokens; the input moves them from there.
        lean = torch.linspace(0.0, math.log(max(horizon, 4) - 1), width)
        self.register_buffer("lean", lean, persistent=False)

    def forward(self, stream: Tensor) -> Tensor:
        """Return what the block adds to the stream, shape (batch, length, width)."""
        decay, value, gate = self.into(_norm(stream)).chunk(3, dim=-1)
        keep = torch.sigmoid(decay + self.lean)
        added: Tensor = self.out(recur(keep, (1 - keep) * value) * silu(gate))
        return added


def recur(keep: Tensor, new: Tensor) -> Tensor:
    """Return h with h_t = keep_t·h_{t-1} + new_t and h_0 = new_0, along dimension 1.

    In ceil(log2(length)) steps, each of which doubles how far a position looks back. Nothing is divided, so
    products of decays may underflow.
    Source: Hillis and Steele 1986, "Data parallel algorithms", applied to the pairs (keep, new).
    """
    length, reach = new.shape[1], 1
    while reach < length:
        new = new + keep * _shifted(new, reach)
        keep = keep * _shifted(keep, reach)
        reach *= 2
    return new


def _shifted(values: Tensor, by: int) -> Tensor:
    """Move `values` towards later positions; zeros come in."""
    return pad(values, (0, 0, by, 0))[:, : values.shape[1]]


def _norm(stream: Tensor) -> Tensor:
    return rms_norm(stream, stream.shape[-1:])
