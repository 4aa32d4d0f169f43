"""A user's own loss function as a component."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_serializer

from flops_fit.components import Batch, LossFunction
from flops_fit.config.fingerprint import fingerprint
from flops_fit.config.forward import targets_of

if TYPE_CHECKING:
    import torch

_ERRORS = {
    "mseloss": "squared difference",
    "l1loss": "absolute difference",
    "smoothl1loss": "smooth absolute difference",
    "huberloss": "Huber's loss",
}
"""Losses of torch, functions and modules, that are no likelihood."""
_LIKE_ERROR = re.compile(
    r"(?<![a-z])(r?mse|mae|l[12]|squared?|sq|abs|huber|error|err|dist(ance)?)(?![a-z])", re.IGNORECASE
)


class PythonLoss(LossFunction):
    """Calls `function(outputs, targets)`, which returns the mean loss: a scalar tensor."""

    kind: Literal["python_loss"] = "python_loss"
    function: Callable[..., Any]

    def __call__(self, outputs: object, batch: Batch) -> torch.Tensor:
        """Return the mean loss over the batch."""
        from torch import nn

        targets = targets_of(batch)
        if isinstance(self.function, nn.Module):
            self.function.to(targets.device)  # class weights follow the data
        loss: torch.Tensor = self.function(outputs, targets)
        return loss

    @property
    def label(self) -> str:
        """Name of the function."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def unit(self) -> str:
        """Nats, which is what functions are asked for, except of torch's errors and their like."""
        known = _ERRORS.get(self.label.lower().replace("_", ""))
        return known or ("unknown" if _LIKE_ERROR.search(self.label) else "nats")

    def identity(self) -> dict[str, Any]:
        """Return the function, its source and its settings."""
        return {"function": fingerprint(self.function)}

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.identity()}
