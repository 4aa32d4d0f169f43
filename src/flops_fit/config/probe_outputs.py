"""Probes of what a model's outputs depend on: their own row, no label, no later token, no noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flops_fit.components import Batch
from flops_fit.config.subject import ROWS, Subject
from flops_fit.errors import PluginError

if TYPE_CHECKING:
    import torch
    from torch import nn

TOLERANCE = 1e-4
"""Rounding allowed where outputs must agree, relative to the largest output."""


def check_evaluation_mode(subject: Subject) -> None:
    """Run forward twice in evaluation mode; the outputs must agree."""
    module = subject.smallest().eval()
    if not _agree(_outputs(module, subject, subject.batch), _outputs(module, subject, subject.batch)):
        raise PluginError(
            f"{subject.model} gives other outputs for the same batch in evaluation mode.",
            fix="switch dropout and every other noise off when `self.training` is False",
            code="noisy-evaluation",
        )


def check_bf16(subject: Subject) -> None:
    """Run forward and loss under bf16 autocast, unless the spec rules bf16 out."""
    import torch

    if subject.spec.training.precision == "fp32":
        return
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = subject.outputs(subject.smallest().eval(), subject.batch, " under bf16 autocast")
        loss = subject.loss(outputs, subject.batch).item()
    if not math.isfinite(loss):
        raise PluginError(
            f"The loss of {subject.sizes[0].name} is {loss} under bf16 autocast, where float32 is finite.",
            fix="set `training.precision: fp32`, or compute what overflows in float32",
            code="not-finite-in-bf16",
        )


def check_rows_are_independent(subject: Subject) -> None:
    """Change half of the rows; the outputs of the other half must stay."""
    module = subject.smallest().eval()
    before = _outputs(module, subject, subject.batch)
    if not before:
        subject.caveats.append(
            f"{subject.model} has no output per row, so its rows were not probed for leaks."
        )
    first, second = slice(None, ROWS // 2), slice(ROWS // 2, None)
    for kept, replaced in ((first, second), (second, first)):
        changed = {name: _with_rows(value, replaced, value[kept]) for name, value in subject.batch.items()}
        after = _outputs(module, subject, changed)
        if not _agree([t[kept] for t in before], [t[kept] for t in after]):
            raise PluginError(
                f"{subject.model} mixes the rows of a batch: the outputs of a row depend on other rows.",
                fix="look for a mean, a norm or attention over dimension 0",
                code="rows-mix",
            )


def check_labels_are_not_read(subject: Subject) -> None:
    """Change the labels alone; the outputs must stay."""
    if "labels" not in subject.batch:
        return
    module = subject.smallest().eval()
    relabelled = {**subject.batch, "labels": subject.batch["labels"].flip(0)}
    if not _agree(_outputs(module, subject, subject.batch), _outputs(module, subject, relabelled)):
        raise PluginError(
            f"The outputs of {subject.model} depend on the labels that they should predict.",
            fix="read only inputs in forward",
            code="labels-read",
        )


def check_causality(subject: Subject) -> None:
    """Change what follows a position; the outputs up to it must stay."""
    if not subject.spec.model.causal or "input_ids" not in subject.batch:
        return
    module, ids = subject.smallest().eval(), subject.batch["input_ids"]
    length = ids.shape[1]
    before = _outputs(module, subject, subject.batch)
    for start in sorted({1, length // 2, length - 1} - {0}):
        later = ids.clone()
        later[:, start:] = ids[:, start:].roll(1, dims=0)
        after = _outputs(module, subject, {**subject.batch, "input_ids": later})
        if not _agree(_up_to(start, before, length), _up_to(start, after, length)):
            raise PluginError(
                f"{subject.model} claims to be causal, but outputs before position {start} of "
                f"{length} change with the tokens from there on.",
                fix="mask attention and convolutions so that output t sees inputs up to t only",
                code="not-causal",
            )


def check_saved_state(subject: Subject) -> None:
    """Save the state of one module, load it into another and compare their outputs."""
    module, other = subject.smallest(seed=0).eval(), subject.smallest(seed=1).eval()
    try:
        _save_and_load(module, other)
    except Exception as error:
        raise _not_restored(subject, f"loading raised {type(error).__name__}: {error}") from error
    if not _agree(_outputs(module, subject, subject.batch), _outputs(other, subject, subject.batch)):
        raise _not_restored(subject, "its outputs differ after loading")


def _save_and_load(module: nn.Module, other: nn.Module) -> None:
    from io import BytesIO

    import torch

    file = BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))


def _not_restored(subject: Subject, found: str) -> PluginError:
    return PluginError(
        f"{subject.model} is not restored by its state_dict: {found}.",
        fix="keep everything that forward needs in parameters and persistent buffers",
        code="state-not-restored",
    )


# ---- running and comparing


def _outputs(module: nn.Module, subject: Subject, batch: Batch) -> list[torch.Tensor]:
    """Run forward without gradients; return each floating output that has one entry per row.

    Where there is none, outputs with one entry per unit are split into rows and units.
    """
    import torch
    from torch.utils._pytree import tree_leaves

    with torch.no_grad():
        outputs = subject.outputs(module, batch)
    leaves = tree_leaves(dict(outputs) if isinstance(outputs, Mapping) else outputs)
    found = [t for t in leaves if isinstance(t, torch.Tensor) and t.is_floating_point() and t.dim()]
    per_unit = [t for t in found if t.shape[0] == ROWS * subject.data.units_per_sample]
    return [t for t in found if t.shape[0] == ROWS] or [t.reshape(ROWS, -1, *t.shape[1:]) for t in per_unit]


def _with_rows(value: torch.Tensor, rows: slice, new: torch.Tensor) -> torch.Tensor:
    changed = value.clone()
    changed[rows] = new
    return changed


def _up_to(position: int, outputs: Sequence[torch.Tensor], length: int) -> list[torch.Tensor]:
    return [t[:, :position] for t in outputs if t.dim() > 1 and t.shape[1] == length]


def _agree(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> bool:
    """Compare outputs up to rounding."""
    return len(a) == len(b) and all(_close(x, y) for x, y in zip(a, b, strict=True))


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape:
        return False
    return a.numel() == 0 or bool((a - b).abs().max() <= TOLERANCE * a.abs().max().clamp(min=1e-6))
