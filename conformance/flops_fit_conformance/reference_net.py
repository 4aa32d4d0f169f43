"""The network of the reference model; a file of its own because it needs torch as it is imported."""

from __future__ import annotations

import torch
from torch import nn

from flops_fit.components import Batch


class Net(nn.Module):
    """Inputs, one hidden layer and a head; each token sees itself and the one before."""

    def __init__(self, n_inputs: int, width: int, n_classes: int, *, tokens: bool) -> None:
        super().__init__()
        self.tokens = tokens
        self.inputs = nn.Embedding(n_inputs, width) if tokens else nn.Linear(n_inputs, width, bias=False)
        self.now, self.before = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, n_classes)

    def hidden(self, batch: Batch) -> torch.Tensor:
        """Return what the head reads, shape (rows, width), or (rows, length, width) for tokens."""
        if not self.tokens:
            x = self.inputs(batch["pixel_values" if "pixel_values" in batch else "inputs"].flatten(1))
            return torch.tanh(self.now(x) + self.before(x.roll(1, dims=-1)))
        x = self.inputs(batch["input_ids"])
        return torch.tanh(self.now(x) + self.before(nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return logits."""
        logits: torch.Tensor = self.head(self.hidden(batch))
        return logits
