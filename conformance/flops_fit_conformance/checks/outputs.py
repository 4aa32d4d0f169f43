"""Clauses about what a model's outputs depend on."""

from __future__ import annotations

import torch

from flops_fit.config import probe_outputs
from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import require, require_by_probe


def check_causality(sweep: Subject) -> None:
    """Of a family with `causal = True`, output t depends on inputs up to t only."""
    require_by_probe(
        probe_outputs.check_causality,
        sweep,
        should="outputs that later tokens do not change",
        call=_forward(sweep, "with the tokens after a position exchanged"),
    )


def check_rows_do_not_mix(sweep: Subject) -> None:
    """The outputs of a row depend on that row alone."""
    require_by_probe(
        probe_outputs.check_rows_are_independent,
        sweep,
        should="outputs that other rows do not change",
        call=_forward(sweep, "with half of the rows exchanged"),
    )


def check_labels_are_not_read(sweep: Subject) -> None:
    """The outputs do not depend on the labels that they should predict."""
    require_by_probe(
        probe_outputs.check_labels_are_not_read,
        sweep,
        should="outputs that labels do not change",
        call=_forward(sweep, "with other labels"),
    )


def check_evaluation_is_deterministic(sweep: Subject) -> None:
    """In evaluation mode equal batches have equal outputs."""
    require_by_probe(
        probe_outputs.check_evaluation_mode,
        sweep,
        should="equal outputs, twice",
        call=_forward(sweep, "in eval() mode"),
    )


def check_bf16_is_finite(sweep: Subject) -> None:
    """Under bf16 autocast loss and gradients stay finite: that is how GPUs train."""
    call = _forward(sweep, "under bf16 autocast")
    require_by_probe(probe_outputs.check_bf16, sweep, should="a finite loss", call=call)
    module, batch = sweep.smallest().train(), sweep.batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sweep.loss(sweep.outputs(module, batch), batch)
    sweep.differentiate(loss)
    broken = [
        n for n, p in module.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())
    ]
    require(
        bool(loss.isfinite()) and not broken,
        found=f"a loss of {loss.item():.4g}; not finite: gradients of {', '.join(broken[:5]) or 'nothing'}",
        should="a finite loss and finite gradients",
        call=f"{call}, then backward",
    )


def _forward(sweep: Subject, how: str) -> str:
    return f"{sweep.spec.model!r}.build({sweep.sizes[0].name})(batch of {sweep.source}) {how}"
