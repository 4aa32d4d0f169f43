"""Clauses about a loss: a mean over units, in nats, with a gradient, that writes into nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch.utils._pytree import tree_map

from flops_fit.components import Batch, LossFunction
from flops_fit.config.probe_unit import check_nats
from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import require, require_by_probe
from flops_fit_conformance.configs import on_drawn_configs
from flops_fit_conformance.process_state import kept
from flops_fit_conformance.rows import doubled, doubled_batch

CLOSE = 1e-4


def check_loss_is_a_scalar_with_a_gradient(sweep: Subject) -> None:
    """The loss is a finite scalar tensor that depends on the outputs."""

    def clause(loss: LossFunction) -> None:
        batch = sweep.batch
        outputs = tree_map(_leaf, _outputs(sweep, batch))
        value = loss(outputs, batch)
        require(
            isinstance(value, torch.Tensor)
            and value.dim() == 0
            and value.requires_grad
            and bool(value.isfinite()),
            found=repr(value),
            should="a finite scalar tensor that requires a gradient",
            call=f"{loss!r}(outputs of {sweep.model}, batch of {sweep.source})",
        )

    on_drawn_configs(sweep.spec.loss, clause)


def check_uniform_loss(sweep: Subject) -> None:
    """`uniform_loss(data)` is what equal logits cost: ln(n_classes) for a classification."""

    def clause(loss: LossFunction) -> None:
        stated = loss.uniform_loss(sweep.data)
        if stated is None:
            return
        found = _loss_of_equal_logits(loss, sweep)
        require(
            math.isclose(found, stated, rel_tol=1e-3),
            found=f"{found:.4f} for equal logits",
            should=f"{stated:.4f}, its uniform_loss",
            call=f"{loss!r}(zeros, batch of {sweep.source})",
        )

    on_drawn_configs(sweep.spec.loss, clause)


def check_loss_is_a_mean_in_nats(sweep: Subject) -> None:
    """The loss is a mean over units, in nats: equal logits cost ln(n_classes), for one row as for many.

    One that knows no loss of equal logits is compared with the cross-entropy of the model's own.
    """
    loss, n_classes = sweep.spec.loss, sweep.data.n_classes
    if n_classes is None or loss.uniform_loss(sweep.data) is None:
        call = f"{loss!r}(outputs, batch of {sweep.source})"
        require_by_probe(check_nats, sweep, should="a loss in nats", call=call)
        return
    found, expected = _loss_of_equal_logits(loss, sweep), math.log(n_classes)
    require(
        math.isclose(found, expected, rel_tol=1e-3),
        found=f"{found:.4f} for equal logits",
        should=f"ln {n_classes} = {expected:.4f}; in bits it would be {math.log2(n_classes):.4f}",
        call=f"{loss!r}(zeros, batch of {sweep.source})",
    )


def check_loss_of_repeated_rows(sweep: Subject) -> None:
    """A batch that holds every row twice has the loss of the batch: the loss is a mean, no sum."""
    batch = sweep.batch
    outputs = _outputs(sweep, batch)
    once = sweep.spec.loss(outputs, batch).item()
    twice = sweep.spec.loss(doubled(outputs, sweep), doubled_batch(batch)).item()
    require(
        math.isclose(once, twice, rel_tol=CLOSE),
        found=f"{twice:.6g} for the rows twice over, {once:.6g} for the rows",
        should="equal losses",
        call=f"{sweep.spec.loss!r}(outputs, batch)",
    )


def check_ignored_labels_do_not_count(sweep: Subject) -> None:
    """Labels of -100 do not count towards the loss: what the model says there changes nothing."""
    batch, loss = sweep.batch, sweep.spec.loss
    if "labels" not in batch or batch["labels"].is_floating_point() or sweep.data.n_classes is None:
        return
    outputs = _outputs(sweep, batch)
    batch["labels"][0] = -100
    noisy = tree_map(lambda t: _with_noise_in_the_first_row(t, sweep), outputs)
    before, after = loss(outputs, batch).item(), loss(noisy, batch).item()
    require(
        math.isclose(before, after, rel_tol=CLOSE),
        found=f"{before:.6g}, and {after:.6g} with other outputs where labels are -100",
        should="equal losses",
        call=f"{loss!r}(outputs, batch with labels of -100 in its first row)",
    )


def check_loss_keeps_its_arguments(sweep: Subject) -> None:
    """The loss writes into neither outputs nor batch, and changes nothing global."""
    batch = sweep.batch
    outputs = _outputs(sweep, batch)
    before = tree_map(_copy, (outputs, dict(batch)))
    call = f"{sweep.spec.loss!r}(outputs, batch)"
    with kept(call):
        sweep.spec.loss(outputs, batch)
    same = str(before) == str((outputs, dict(batch)))
    require(same, found="outputs or batch changed", should="as before the call", call=call)


def _outputs(sweep: Subject, batch: Batch) -> object:
    with torch.no_grad():
        outputs = sweep.outputs(sweep.smallest().eval(), batch)
    return dict(outputs) if isinstance(outputs, Mapping) else outputs


def _loss_of_equal_logits(loss: LossFunction, sweep: Subject) -> float:
    batch = sweep.batch
    return loss(tree_map(_zeros, _outputs(sweep, batch)), batch).item()


def _with_noise_in_the_first_row(value: object, sweep: Subject) -> object:
    n_rows = len(next(iter(sweep.batch.values())))
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or not value.dim():
        return value
    if len(value) % n_rows:
        return value
    changed = value.clone()
    changed[: len(value) // n_rows] += torch.linspace(-1, 1, changed[: len(value) // n_rows].numel()).view_as(
        changed[: len(value) // n_rows]
    )
    return changed


def _leaf(value: object) -> object:
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    return value.detach().clone().requires_grad_()


def _zeros(value: object) -> object:
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    return torch.zeros_like(value) if floating else value  # type: ignore[arg-type]


def _copy(value: object) -> object:
    return value.clone() if isinstance(value, torch.Tensor) else value
