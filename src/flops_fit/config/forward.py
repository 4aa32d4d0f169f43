"""Letting a user's module and loss take the batches of the loop, whatever their own arguments are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flops_fit.components import Batch
from flops_fit.errors import DataError, PluginError

if TYPE_CHECKING:
    import torch
    from torch import nn

INPUTS, TARGETS = "inputs", "targets"
"""What the two parts of a pair are called in a batch."""
INPUT_NAMES = ("input_ids", "pixel_values", INPUTS, "input", "x", "features", "image", "images")
TARGET_NAMES = ("labels", TARGETS, "label", "target", "y")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of a module's own forward."""

    required: tuple[str, ...]
    optional: tuple[str, ...]


def take_batch(module: nn.Module) -> nn.Module:
    """Make `module(batch)` call the module's own forward with what that asks for, and return `module`.

    A hook does it, so the module keeps its class, its parameter names and its state_dict.
    """
    module.register_forward_pre_hook(partial(_unpack, _asked(module)), with_kwargs=True)
    return module


def arguments(asked: Asked, batch: Batch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Choose what of `batch` goes to forward: tensors by their names, else the one input, else the mapping.

    Raises:
        PluginError: `unclear-forward`.
    """
    if asked.required == ("batch",):
        return (batch,), {}
    named = [name for name in asked.required if name in batch]
    named += [name for name in asked.optional if name in batch and name not in TARGET_NAMES]
    if named and set(asked.required) <= set(named):
        return (), {name: batch[name] for name in named}
    inputs = main_input(batch)
    if len(asked.required) <= 1 and inputs:
        return (batch[inputs],), {}
    raise PluginError(
        f"forward({', '.join(asked.required)}) cannot be called with a batch of {', '.join(batch)}.",
        fix="name forward's arguments like the batch's keys, or take the whole mapping: forward(self, batch)",
        code="unclear-forward",
    )


def main_input(batch: Batch) -> str:
    """Return the name of the tensor that a one-argument forward takes; empty where it is not clear which."""
    known = [name for name in INPUT_NAMES if name in batch]
    others = [name for name in batch if name not in TARGET_NAMES]
    return known[0] if known else others[0] if len(others) == 1 else ""


def targets_of(batch: Batch) -> torch.Tensor:
    """Return what a loss compares outputs with.

    Raises:
        DataError: `no-targets`.
    """
    for name in TARGET_NAMES:
        if name in batch:
            return batch[name]
    raise DataError(
        f"A loss function needs targets, but the batch holds {', '.join(batch)}.",
        fix=f"name them one of {', '.join(TARGET_NAMES)}, or let the dataset return (inputs, targets) pairs",
        code="no-targets",
    )


def _asked(module: nn.Module) -> Asked:
    parameters = inspect.signature(module.forward).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return Asked(
        required=tuple(p.name for p in named if p.default is p.empty),
        optional=tuple(p.name for p in named if p.default is not p.empty),
    )


def _unpack(
    asked: Asked, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    is_batch = len(args) == 1 and not kwargs and isinstance(args[0], Mapping)
    return arguments(asked, args[0]) if is_batch else (args, kwargs)
