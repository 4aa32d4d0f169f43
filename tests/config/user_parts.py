"""What a user brings: model classes, losses and datasets that know nothing of flops-fit."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset


class Counting(nn.Module):
    def num_params(self):
        return sum(p.numel() for p in self.parameters())


class MLP(Counting):
    """Takes and returns a tensor."""

    def __init__(self, width, n_in=8, n_out=3, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_in, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU()
        )
        self.head = nn.Linear(width, n_out)

    def forward(self, x):
        return self.head(self.layers(x))


class Heads(Counting):
    """Refuses widths that its heads do not divide."""

    def __init__(self, d_model, n_heads=12, n_classes=50):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model {d_model} is not divisible by n_heads {n_heads}")
        self.embedding = nn.Embedding(n_classes, d_model)
        self.block = nn.Linear(d_model, d_model)
        self.head = nn.Linear(d_model, n_classes, bias=False)

    def forward(self, input_ids, attention_mask=None, labels=None):
        assert labels is None, "labels are for the loss"
        hidden = self.block(self.embedding(input_ids)).relu()
        return self.head(hidden if attention_mask is None else hidden * attention_mask[..., None])


class Sentences(Dataset):
    """Mappings of `input_ids`, `attention_mask` and `labels`."""

    def __init__(self, n_rows=200, length=7):
        ids = torch.randint(0, 50, (n_rows, length + 1), generator=torch.Generator().manual_seed(0))
        self.ids = ids

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, row):
        ids = self.ids[row]
        return {"input_ids": ids[:-1], "attention_mask": torch.ones(len(ids) - 1), "labels": ids[1:]}


class Augmented(Dataset):
    """Pairs of numpy arrays and Python floats, with noise from three generators."""

    def __len__(self):
        return 60

    def __getitem__(self, row):
        noise = torch.rand(8).numpy() + np.random.rand(8) + random.random()  # noqa: NPY002 - as users do
        return np.full(8, row, dtype=np.float32) + 0.01 * noise, float(row % 3)


def classes(n_rows=400):
    x = torch.randn(n_rows, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, x[:, :3].argmax(1))


def token_loss(outputs, targets):
    return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def squared_error(outputs, targets):
    return (outputs.squeeze(-1) - targets).square().mean()
