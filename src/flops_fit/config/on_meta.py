"""Building models without memory: every tensor on torch's `meta` device, which knows shapes and no values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from flops_fit.components import Batch


def built_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Call `build` so that its parameters take no memory.

    A constructor that reads values (such as `[x.item() for x in torch.linspace(...)]`) cannot run on the
    meta device; it is built on the CPU and moved.
    """
    import torch

    try:
        with torch.device("meta"):
            return build()
    except (RuntimeError, NotImplementedError) as error:
        if "meta" not in str(error):
            raise
        return build().to("meta")


def batch_on_meta(batch: Batch) -> Batch:
    """Return the batch's shapes and types without its values."""
    return {name: tensor.to("meta") for name, tensor in batch.items()}


def n_trainable(module: nn.Module) -> int:
    """Count trainable parameters; shared ones count once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
