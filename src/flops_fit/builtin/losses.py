"""Built-in losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flops_fit.components import Batch, DataSpec, LossFunction
from flops_fit.errors import PluginError

if TYPE_CHECKING:
    import torch


class CrossEntropy(LossFunction):
    """Cross-entropy of `labels` under softmax(logits), mean over the labels that are not -100."""

    kind: Literal["cross_entropy"] = "cross_entropy"

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each label that training spreads over all classes; the reported loss is without it.

    Source: Szegedy et al. 2015, arXiv:1512.00567, section 7.
    """

    def __call__(self, outputs: object, batch: Batch) -> torch.Tensor:
        """Return the mean loss that training minimises, in nats per unit.

        Args:
            outputs: Logits, shape (..., n_classes); or a mapping or object that holds them as `logits`.
            batch: Holds `labels`, int64, shape (...).

        Raises:
            PluginError: `no-logits` or `no-labels`.
        """
        from torch.nn.functional import cross_entropy

        logits, labels = _logits(outputs), _labels(batch)
        # In float32 whatever the autocast type: bf16 would round the loss to 2 to 3 digits.
        logits = logits.reshape(-1, logits.shape[-1]).float()
        return cross_entropy(logits, labels.reshape(-1), label_smoothing=self.label_smoothing)

    def evaluate(self, outputs: object, batch: Batch) -> torch.Tensor:
        """Return the mean loss without label smoothing, in nats per unit."""
        plain = self.model_copy(update={"label_smoothing": 0.0}) if self.label_smoothing else self
        return plain(outputs, batch)

    def metrics(self, outputs: object, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Return `accuracy`, the share of labels that have the largest logit."""
        logits, labels = _logits(outputs), _labels(batch).reshape(-1)
        hits = (logits.reshape(-1, logits.shape[-1]).argmax(-1) == labels).sum()
        return {"accuracy": hits / (labels != -100).sum()}

    def uniform_loss(self, data: DataSpec) -> float | None:
        """Return ln(n_classes)."""
        return None if data.n_classes is None else math.log(data.n_classes)


def _logits(outputs: object) -> torch.Tensor:
    import torch

    found = outputs.get("logits") if isinstance(outputs, dict) else getattr(outputs, "logits", outputs)
    if not isinstance(found, torch.Tensor):
        raise PluginError(
            f"Loss cross_entropy needs logits, but the model's forward returned {type(outputs).__name__}.",
            fix="return a tensor of logits, shape (..., n_classes), or a mapping that holds it as `logits`",
            code="no-logits",
        )
    return found


def _labels(batch: Batch) -> torch.Tensor:
    if "labels" not in batch:
        raise PluginError(
            f"Loss cross_entropy needs `labels` in every batch; this one holds {', '.join(batch)}.",
            fix="yield int64 `labels`, one per unit (-100 where there is none), or use another loss",
            code="no-labels",
        )
    return batch["labels"]
