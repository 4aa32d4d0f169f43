"""Probes of the model and the loss: one forward and backward pass of the smallest size, looked at closely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flops_fit.config.forward import targets_of
from flops_fit.config.on_meta import batch_on_meta
from flops_fit.config.python_loss import PythonLoss
from flops_fit.config.subject import ROWS, Subject
from flops_fit.errors import PluginError

if TYPE_CHECKING:
    import torch
    from torch import nn

SHOWN = 5
"""How many parameters a message lists."""
HALVES = (slice(None, ROWS // 2), slice(ROWS // 2, None))
SUMMED = 1e-3
"""Relative distance of a loss from the sum of those of its halves at which it is one."""
ROUNDING = 1e-5
"""Relative distance of a loss from the mean of those of its halves up to which it is that mean."""
INITIAL_LOSS_SLACK = 0.3
"""Allowed relative distance of the first loss from ln(n_classes); a loss in bits would be 0.44 away."""
INITIAL_LOSS_SLACK_NATS = 0.25
"""Allowed absolute distance, which counts for few classes; a loss in bits of two classes is 0.31 away."""


def check_initialisation(subject: Subject) -> None:
    """Build twice from one seed and once from another."""
    first, again, other = (dict(subject.smallest(seed).named_parameters()) for seed in (0, 0, 1))
    if differing := [name for name in first if not first[name].equal(again[name])]:
        raise PluginError(
            f"{subject.model}.build gives other values for the same torch seed: {_listed(differing)}.",
            fix="initialise from torch's global generator only",
            code="unseeded-build",
        )
    if any(map(_varies, first.values())) and all(first[name].equal(other[name]) for name in first):
        raise PluginError(
            f"{subject.model}.build gives the same values for every torch seed; a repeat would be a copy.",
            fix="initialise from torch's global generator, and seed no generator inside build",
            code="build-ignores-seed",
        )


def check_step(subject: Subject) -> None:
    """Run forward and loss once: the loss must be a finite scalar that depends on the parameters."""
    import torch

    loss = _loss(subject.smallest(), subject)
    if not isinstance(loss, torch.Tensor) or loss.dim():
        raise PluginError(
            f"Loss {subject.spec.loss.label} returns {_described(loss)}, not a scalar tensor.",
            fix="return the mean over the units of the batch",
            code="loss-not-scalar",
        )
    if not loss.requires_grad:
        raise PluginError(
            f"Loss {subject.spec.loss.label} does not depend on the parameters of {subject.model}.",
            fix="compute it from the outputs without detaching them, and leave parameters trainable",
            code="loss-without-gradient",
        )
    if not math.isfinite(loss.item()):
        raise PluginError(
            f"The loss of {subject.sizes[0].name} at initialisation is {loss.item()}.",
            fix="look for a division by zero or a logarithm of zero in the model, the loss or the data",
            code="loss-not-finite",
        )
    if loss.item() <= 0:
        raise PluginError(
            f"The loss of {subject.sizes[0].name} at initialisation is {loss.item():.4g}; scaling laws are "
            "fitted to positive losses.",
            fix=f"look for a wrong sign in {subject.spec.loss.label}, or add to it what keeps it above 0"
            if loss.item()
            else "look for what is certain at first, such as the cross-entropy of a single class",
            code="loss-not-positive",
        )


def check_reported(subject: Subject) -> None:
    """Ask for what is reported after training: a loss and metrics, which must be scalars."""
    import torch

    reported = subject.reported(subject.outputs(subject.smallest().eval(), subject.batch), subject.batch)
    for name, value in reported.items():
        if not isinstance(value, torch.Tensor) or value.dim():
            raise PluginError(
                f"Loss {subject.spec.loss.label}: {name} is {_described(value)}, not a scalar tensor.",
                fix="return means over the units of the batch",
                code="loss-not-scalar",
            )


def check_initial_loss(subject: Subject) -> None:
    """Refuse sums and broadcasts; compare the loss at first with that of a model that knows nothing."""
    _refuse_sum(subject)
    expected = subject.spec.loss.uniform_loss(subject.data)
    if expected is None:
        return
    found = _loss(subject.smallest(), subject).item()
    if abs(found - expected) > max(INITIAL_LOSS_SLACK_NATS, INITIAL_LOSS_SLACK * expected):
        raise PluginError(
            f"The loss of {subject.sizes[0].name} at initialisation is {found:.3f} nats per unit; a model "
            f"that knows nothing has {expected:.3f}.",
            fix="make the loss a mean in nats (no sum, no bits), keep labels out of the inputs, and "
            "initialise the output layer small",
            code="initial-loss-off",
        )


def _refuse_sum(subject: Subject) -> None:
    """Compare the loss of some rows with those of the two halves: a sum is as large as both together."""
    module = subject.smallest().eval()
    halves = [{name: value[rows] for name, value in subject.batch.items()} for rows in HALVES]
    whole, *parts = (
        subject.loss(subject.outputs(module, batch), batch).item() for batch in (subject.batch, *halves)
    )
    # A half of which nothing counts, such as no masked token, may have a loss of 0: then means add up too.
    if min(parts) > 0 and abs(whole - sum(parts)) < SUMMED * whole:
        raise PluginError(
            f"Loss {subject.spec.loss.label} of {ROWS} rows is the sum of those of either half "
            f"({whole:.4g} = {parts[0]:.4g} + {parts[1]:.4g}), not a mean: it would grow with the batch.",
            fix='return the mean over the units of the batch, e.g. reduction="mean"',
            code="loss-is-a-sum",
        )
    if abs(whole - sum(parts) / len(parts)) > ROUNDING * abs(whole):
        _refuse_broadcast(subject, whole)


def _refuse_broadcast(subject: Subject, whole: float) -> None:
    """Compare a loss that is no mean over rows with that on targets in the shape of the outputs.

    Outputs (rows, 1) less targets (rows,) are a matrix: torch pairs every row with all others.
    """
    import torch

    loss, batch = subject.spec.loss, subject.batch
    outputs = subject.outputs(subject.smallest().eval(), batch)
    targets = targets_of(batch) if isinstance(loss, PythonLoss) else None
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)):
        return
    as_many = outputs.numel() == targets.numel() and outputs.shape != targets.shape
    if not as_many or not isinstance(loss, PythonLoss):
        return
    try:
        matched: float = loss.function(outputs, targets.reshape(outputs.shape)).item()
    except Exception:  # noqa: BLE001 - a loss that takes no such shape pairs nothing
        return
    if abs(whole - matched) > SUMMED * abs(matched):
        raise PluginError(
            f"Outputs of {subject.model} have shape {tuple(outputs.shape)}, targets {tuple(targets.shape)}: "
            f"{loss.label} pairs every row with all others ({whole:.4g} instead of {matched:.4g}).",
            fix="give both one shape, e.g. targets y[:, None], or outputs.squeeze(-1) in the model",
            code="loss-broadcasts",
        )


def check_gradients(subject: Subject) -> None:
    """Run backward at either end of the ladder; name the trainable parameters without a finite gradient."""
    module = subject.smallest()
    subject.differentiate(_loss(module, subject))
    if unused := _without_gradient(module):
        raise _unused(unused, subject.model)
    trained = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    if broken := [name for name, grad in trained.items() if not bool(grad.isfinite().all())]:
        raise PluginError(
            f"{subject.model} has gradients at initialisation that are not finite: {_listed(broken)}.",
            fix="look for a square root or a logarithm of zero, or a norm of a zero vector",
            code="gradient-not-finite",
        )
    if not any(bool(grad.any()) for grad in trained.values()):
        raise PluginError(
            f"The gradient of loss {subject.spec.loss.label} is zero for every parameter of {subject.model}.",
            fix="look for a factor of 0, a rounding or a constant in the loss, or for weights that all are 0",
            code="loss-without-gradient",
        )
    _check_largest(subject)


def check_batch_is_kept(subject: Subject) -> None:
    """Run a step on a copy of the batch and compare."""
    batch = subject.batch
    module = subject.smallest()
    subject.differentiate(subject.loss(subject.outputs(module.train(), batch), batch))
    changed = [n for n, value in subject.batch.items() if n not in batch or not value.equal(batch[n])]
    if changed or len(batch) != len(subject.batch):
        raise PluginError(
            f"{subject.model} or {subject.spec.loss.label} changes its batch: "
            f"{_listed(changed or list(batch))}.",
            fix="work on copies: no in-place operation on what the batch holds",
            code="batch-changed",
        )


def _check_largest(subject: Subject) -> None:
    """Run backward of the largest size on shapes: a deep model may leave out what a shallow one uses."""
    import torch

    batch, largest = batch_on_meta(subject.batch), subject.sizes[-1]
    module = subject.shape_of(largest).train()
    try:
        with torch.device("meta"):
            subject.spec.loss(module(batch), batch).backward()  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - a model that needs values tells nothing here; the FLOP probe names it
        return
    if unused := _without_gradient(module):
        raise _unused(unused, f"{subject.model} {largest.name}")


def _without_gradient(module: nn.Module) -> list[str]:
    return [name for name, p in module.named_parameters() if p.requires_grad and p.grad is None]


def _unused(names: Sequence[str], model: str) -> PluginError:
    return PluginError(
        f"{model} has parameters that get no gradient: {_listed(names)}. They count "
        "towards N without being trained, and stop data-parallel training.",
        fix="use them in forward or remove them; frozen ones (requires_grad False) are not counted",
        code="unused-parameter",
    )


def _loss(module: nn.Module, subject: Subject) -> torch.Tensor:
    return subject.loss(subject.outputs(module.train(), subject.batch), subject.batch)


def _described(value: object) -> str:
    return f"shape {tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__


def _varies(parameter: nn.Parameter) -> bool:
    return parameter.numel() > 1 and bool((parameter != parameter.flatten()[0]).any())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
