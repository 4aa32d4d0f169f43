"""What test_selftest.py compares: parts that several processes train as one does, and parts that they do not.

A module of its own, because the processes import what a spec is made of.
"""

import dataclasses
import os
from typing import Literal

import tiny_parts
import torch

from flops_fit.components import Batch


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


class Restless(tiny_parts.Points):
    """On process 1 of several, every batch is another one."""

    kind: Literal["restless"] = "restless"

    def train_batches(self, batch_size, seed, start_step=0):
        return super().train_batches(batch_size, seed, start_step + 50 * rank())


class Forgetful(tiny_parts.Points):
    """On process 1 of several, a row of the held-out set is missing."""

    kind: Literal["forgetful"] = "forgetful"

    def eval_batches(self, batch_size):
        for batch in super().eval_batches(batch_size):
            yield {name: value[rank() :] for name, value in batch.items()}


class Lopsided(tiny_parts.Squared):
    """On process 1 of several, the loss is a thousandth larger."""

    kind: Literal["lopsided"] = "lopsided"

    def __call__(self, outputs, batch: Batch):
        return super().__call__(outputs, batch) * (1 + 1e-3 * rank())


class Idle(tiny_parts.Mlp):
    """A parameter that forward does not use."""

    kind: Literal["idle"] = "idle"

    def ladder(self, n_min, n_max, data):
        sizes = super().ladder(n_min, n_max, data)
        return [dataclasses.replace(size, n_params=size.n_params + 1) for size in sizes]

    def build(self, size, data):
        net = super().build(size, data)
        net.spare = torch.nn.Parameter(torch.ones(1))
        return net
