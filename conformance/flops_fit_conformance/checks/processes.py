"""Clauses about training with several processes."""

from __future__ import annotations

from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import require

STEPS = 5


def check_two_processes_train_as_one(sweep: Subject) -> None:
    """Two data-parallel processes take the steps that one takes: equal rows, and losses up to rounding."""
    from flops_fit.engine.selftest import compare_processes  # needs accelerate, which no other check does

    (found,) = compare_processes({sweep.model: sweep.spec}, n_steps=STEPS)
    require(
        not found.differences,
        found="; ".join(found.differences),
        should=f"losses that agree to 1e-5 over {STEPS} steps",
        call=f"training {sweep.spec.model!r} {found.size} with 1 and with {found.n_processes} processes",
    )
