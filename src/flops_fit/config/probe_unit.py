"""Probe of the unit of a loss: bits where nats are claimed shift every number by 44%."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flops_fit.components import Batch
from flops_fit.config.forward import TARGET_NAMES
from flops_fit.config.subject import Subject
from flops_fit.errors import PluginError

if TYPE_CHECKING:
    import torch

BITS_PER_NAT = 1 / math.log(2)
ROUNDING = 1e-4
"""Relative distance from so many times the cross-entropy at which a loss is that."""


def check_nats(subject: Subject) -> None:
    """Compare a loss in nats with the cross-entropy of the same logits and labels: it must not be in bits."""
    import torch

    if subject.spec.loss.unit != "nats":
        return
    with torch.no_grad():
        outputs = subject.outputs(subject.smallest().eval(), subject.batch)
        nats, found = _cross_entropy(outputs, subject.batch), subject.loss(outputs, subject.batch).item()
    if nats is not None and math.isclose(found, BITS_PER_NAT * nats, rel_tol=ROUNDING):
        raise PluginError(
            f"Loss {subject.spec.loss.label} is in bits: at initialisation it is {found:.4g}, which is "
            f"log2(e) = 1.443 times the cross-entropy in nats, {nats:.4g}.",
            fix="leave out the division by ln 2, and divide at the end what you report in bits",
            code="loss-in-bits",
        )


def _cross_entropy(outputs: object, batch: Batch) -> float | None:
    """Return the mean cross-entropy of what looks like logits and labels; None where nothing does."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = outputs.get("logits") if isinstance(outputs, Mapping) else getattr(outputs, "logits", outputs)
    labels = next((batch[name] for name in TARGET_NAMES if name in batch), None)
    if not (isinstance(logits, torch.Tensor) and isinstance(labels, torch.Tensor)):
        return None
    logits = _by_class(logits, labels)
    if logits is None or labels.is_floating_point() or int(labels.max()) >= logits.shape[-1]:
        return None
    return float(cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1).long()))


def _by_class(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
    """Move the classes, of which torch's losses expect the second dimension, to the last."""
    if logits.shape[:-1] == labels.shape:
        return logits
    is_second = logits.dim() > 2 and logits.shape[:1] + logits.shape[2:] == labels.shape
    return logits.movedim(1, -1) if is_second else None
