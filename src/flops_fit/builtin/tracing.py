"""Counts FLOPs by running one training step on shapes alone, and notes every operation of unknown cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from flops_fit.builtin.free_ops import is_free
from flops_fit.components import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One training step on the meta device."""

    flops: int
    """FLOPs of every operation with a known cost."""
    unknown: tuple[str, ...]
    """Operations of unknown cost, e.g. ("aten.cumsum",), in order of first use."""
    failure: Exception | None
    """What stopped the step before its end, such as a read of a value that the meta device does not have."""


def trace_step(module: nn.Module, batch: Batch, *, free_ops: Collection[str]) -> Trace:
    """Run forward and backward of `module`, both on the meta device, and count.

    Args:
        module: A model whose tensors are on the meta device.
        batch: Its batch, likewise.
        free_ops: Names of operations declared to cost nothing, e.g. "aten.cumsum".
    """
    counter = FlopCounterMode(display=False, custom_mapping=_VECTOR_FORMULAS)
    audit = _Audit({str(op) for op in counter.flop_registry} | set(free_ops))
    failure = None
    try:
        # The audit is entered first, so it sees what is left after the counter's own decompositions; the
        # device context puts tensors that forward creates, such as positions, beside the parameters.
        with torch.device("meta"), audit, counter:
            _differentiate(module.train()(batch))
    except Exception as error:  # noqa: BLE001 - a user's forward may raise anything; the caller names it
        failure = error
    return Trace(flops=counter.get_total_flops(), unknown=tuple(audit.unknown), failure=failure)


def _differentiate(outputs: object) -> None:
    """Run backward from the sum of all outputs."""
    leaves = tree_leaves(dict(outputs) if isinstance(outputs, Mapping) else outputs)
    roots = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    if not roots:
        raise TypeError(f"forward returned {type(outputs).__name__} without any tensor that needs a gradient")
    torch.stack([root.sum() for root in roots]).sum().backward()  # type: ignore[no-untyped-call]


class _Audit(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the names of operations that are neither in `known` nor free."""

    def __init__(self, known: Collection[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = known
        self.unknown: dict[str, None] = {}  # a dict keeps the order of first use

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        name = str(func.overloadpacket)
        # Noted before the call: an operation without a shape rule raises, and should still be named.
        if name not in self.known and not is_free(func, name, _tensors(args, kwargs)):
            self.unknown[name] = None
        return func(*args, **(kwargs or {}))


def _tensors(*values: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def _mv_flops(matrix: Sequence[int], _vector: Sequence[int], **_: object) -> int:
    return 2 * matrix[0] * matrix[1]


def _addmv_flops(_bias: Sequence[int], matrix: Sequence[int], _vector: Sequence[int], **_: object) -> int:
    return 2 * matrix[0] * matrix[1]


def _dot_flops(vector: Sequence[int], _other: Sequence[int], **_: object) -> int:
    return 2 * vector[0]


_VECTOR_FORMULAS = {
    torch.ops.aten.mv: _mv_flops,
    torch.ops.aten.addmv: _addmv_flops,
    torch.ops.aten.dot: _dot_flops,
    torch.ops.aten.vdot: _dot_flops,
}
"""Products with a vector, which torch's own table lacks: one multiply-add, 2 FLOPs, per matrix element."""
