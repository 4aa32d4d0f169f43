"""How many processes share one GPU, which a small model cannot fill."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from flops_fit.components import Size
from flops_fit.config.on_meta import batch_on_meta, built_on_meta
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import Trunk
from flops_fit.engine.memory import free_bytes, state_bytes

PACKED = 4
"""Most processes on one GPU. A judgement: without MPS their kernels take turns, so more only hide Python."""
FILLS_A_GPU = 1e7
"""Parameters from which a step keeps a GPU busy by itself; reasoned from a data sheet, not measured."""
CONTEXT_BYTES = 1e9
"""What a process holds of a GPU before it trains: CUDA's context, kernels and workspaces. A judgement."""
SHARE = 0.8
"""Of the free memory, that all processes together may count on. A judgement."""


def processes_per_gpu(trunks: Sequence[Trunk], spec: SweepSpec) -> int:
    """Return how many processes train `trunks` side by side on the GPU of this process; 1 if one fills it.

    One too where a model or a loss reads values, so that nobody knows what it needs before it is trained.
    """
    sizes = {run.size.name: run.size for run in chain.from_iterable(trunks)}
    largest = max(sizes.values(), key=lambda size: size.n_params)
    if largest.n_params >= FILLS_A_GPU:
        return 1
    try:
        activations = activation_bytes(largest, spec)
    except Exception:  # noqa: BLE001 - a user's forward may raise anything when there are no values
        return 1
    # Twice the activations: what an operation works in, and gradients of activations, come on top.
    needed = CONTEXT_BYTES + state_bytes(largest, spec) + 2 * activations
    return max(1, min(PACKED, int(SHARE * free_bytes() / needed)))


def activation_bytes(size: Size, spec: SweepSpec) -> int:
    """Count the bytes, in fp32, that a step of `size` keeps from its forward for its backward pass.

    At most: tensors that share memory count each.
    """
    import torch

    n_bytes = 0

    def kept(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal n_bytes
        n_bytes += 0 if isinstance(tensor, torch.nn.Parameter) else tensor.nbytes
        return tensor

    batch = batch_on_meta(spec.data.probe_batch(spec.training.batch_size))
    module = built_on_meta(lambda: spec.model.build(size, spec.data.spec()))
    with torch.device("meta"), torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
        spec.loss(module.train()(batch), batch)
    return n_bytes
