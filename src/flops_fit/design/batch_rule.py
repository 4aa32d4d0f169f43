"""Whether the one batch size of a sweep is small enough for every run (docs/explanation/batch-size.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flops_fit.components import DataSpec
from flops_fit.design.grid import Finding, PlannedRun

TOLERATED = 2.0
"""Times the best batch; around it the loss is flat."""


def best_batch(n_tokens: float) -> float:
    """Return the batch, tokens per step, at which a language model learns most from `n_tokens`.

    Source: Li et al. 2025, arXiv:2503.04715 ("Step Law"): 0.58·D^0.571, whatever the size of the model.
    """
    return 0.58 * math.pow(n_tokens, 0.571)


def batch_findings(runs: Sequence[PlannedRun], data: DataSpec) -> tuple[Finding, ...]:
    """Say where a batch is too large for the data of a run; nothing about data that is no text."""
    if data.unit != "token":
        return ()
    batch = runs[0].batch_size * data.units_per_sample
    least = best_batch(min(run.n_units for run in runs))
    too_large = [run for run in runs if batch > TOLERATED * best_batch(run.n_units)]
    if not too_large:
        return ()
    rows = max(1, int(TOLERATED * least / data.units_per_sample))
    finding = Finding(
        code="large-batch",
        severity="info",
        message=f"A step takes {batch:,} tokens, which is much for {len(too_large)} of {len(runs)} runs: "
        f"the one of least data learns most with about {least:,.0f}.",
        action=f"lower training.batch_size to {rows} or less, and tune training.lr with it",
        value=batch / least,
        threshold=TOLERATED,
    )
    return (finding,)
