"""Clauses about what a sweep reports of a model: the held-out loss and further metrics."""

from __future__ import annotations

import math

import torch
from torch.utils._pytree import tree_leaves, tree_map

from flops_fit.components import LossFunction
from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import require
from flops_fit_conformance.configs import on_drawn_configs
from flops_fit_conformance.rows import doubled, doubled_batch

SURE = 60.0
"""Logit of a model that is sure of the right label."""
NOTHING = 1e-3


def check_reported_loss_is_finite(sweep: Subject) -> None:
    """`evaluate(outputs, batch)` is a finite scalar in the unit of the loss."""
    value = sweep.spec.loss.evaluate(_outputs(sweep), sweep.batch)
    require(
        isinstance(value, torch.Tensor) and value.dim() == 0 and bool(value.isfinite()),
        found=repr(value),
        should="a finite scalar tensor",
        call=f"{sweep.spec.loss!r}.evaluate(outputs, batch)",
    )


def check_reported_loss_is_plain(sweep: Subject) -> None:
    """What is reported holds no smoothing and no penalty: a model sure of every label has a loss of 0.

    Held to: classifications, that is losses with a `uniform_loss`, on outputs that are logits of classes.
    """

    def clause(loss: LossFunction) -> None:
        batch = sweep.batch
        if "labels" not in batch or loss.uniform_loss(sweep.data) is None:
            return
        sure = tree_map(lambda t: _sure(t, batch["labels"]), _outputs(sweep))
        if not any(isinstance(t, torch.Tensor) and float(t.max()) == SURE for t in tree_leaves(sure)):
            return
        found = loss.evaluate(sure, batch).item()
        require(
            abs(found) <= NOTHING,
            found=f"{found:.4f} for a model that is sure of every label",
            should="0: keep label smoothing and penalties out of `evaluate`",
            call=f"{loss!r}.evaluate({SURE:g} * one_hot(labels), batch of {sweep.source})",
        )

    on_drawn_configs(sweep.spec.loss, clause)


def check_metrics_are_finite(sweep: Subject) -> None:
    """`metrics(outputs, batch)` maps names to finite scalars."""
    wrong = [
        f"{name!r}: {value!r}"
        for name, value in sweep.spec.loss.metrics(_outputs(sweep), sweep.batch).items()
        if not (isinstance(name, str) and torch.as_tensor(value).dim() == 0 and math.isfinite(float(value)))
    ]
    require(
        not wrong,
        found=", ".join(wrong),
        should="finite scalars by name",
        call=f"{sweep.spec.loss!r}.metrics(outputs, batch)",
    )


def check_reported_numbers_are_means(sweep: Subject) -> None:
    """`evaluate` and `metrics` are means over units, of the same names for every batch: no sums."""
    loss, outputs, batch = sweep.spec.loss, _outputs(sweep), sweep.batch
    once = {"loss": loss.evaluate(outputs, batch), **loss.metrics(outputs, batch)}
    outputs, batch = doubled(outputs, sweep), doubled_batch(batch)
    twice = {"loss": loss.evaluate(outputs, batch), **loss.metrics(outputs, batch)}
    require(
        once.keys() == twice.keys()
        and all(math.isclose(once[name], twice[name], rel_tol=1e-4, abs_tol=1e-6) for name in once),
        found=", ".join(f"{name} = {float(value):.6g}" for name, value in twice.items())
        + ", rows twice over",
        should=", ".join(f"{name} = {float(value):.6g}" for name, value in once.items()),
        call=f"{loss!r}.evaluate and .metrics",
    )


def _outputs(sweep: Subject) -> object:
    with torch.no_grad():
        outputs = sweep.outputs(sweep.smallest().eval(), sweep.batch)
    return dict(outputs) if isinstance(outputs, dict) else outputs


def _sure(value: object, labels: torch.Tensor) -> object:
    """Turn logits, shape (*labels, n_classes) or flattened, into those of a model that is sure."""
    if not isinstance(value, torch.Tensor) or value.dim() < 1 or value.shape[:-1].numel() != labels.numel():
        return value
    if int(labels.max()) >= value.shape[-1]:
        return value
    one_hot = torch.nn.functional.one_hot(labels.flatten().clamp(min=0), value.shape[-1])
    return SURE * one_hot.to(value.dtype).view_as(value)
