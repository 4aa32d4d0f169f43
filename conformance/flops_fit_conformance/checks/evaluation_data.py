"""Clauses about held-out data: fixed, never trained on, and with a floor that nothing goes below."""

from __future__ import annotations

import math

import torch

from flops_fit.config import probe_data
from flops_fit.config.subject import Subject
from flops_fit_conformance.breach import require, require_by_probe


def check_evaluation_set_is_fixed(sweep: Subject) -> None:
    """`eval_batches` yields the same rows in the same order every time, whatever the batch size."""
    require_by_probe(
        probe_data.check_evaluation_set,
        sweep,
        should="the same rows, at least one, for every call and batch size",
        call=f"{sweep.spec.data!r}.eval_batches(batch_size)",
    )


def check_evaluation_data_are_not_trained_on(sweep: Subject) -> None:
    """No held-out row is trained on."""
    require_by_probe(
        probe_data.check_held_out,
        sweep,
        should="no training row in the evaluation set",
        call=f"{sweep.spec.data!r}.train_batches(...) beside .eval_batches(...)",
    )


def check_bayes_loss_is_a_floor(sweep: Subject) -> None:
    """`bayes_loss()` is None, or a loss in nats per unit that no guessing by frequency beats."""
    floor = sweep.spec.data.bayes_loss()
    call = f"{sweep.spec.data!r}.bayes_loss()"
    require(
        floor is None or (isinstance(floor, float) and math.isfinite(floor) and floor >= 0),
        found=repr(floor),
        should="None, or a float of at least 0",
        call=call,
    )
    if floor is None:
        return
    require(
        floor == sweep.spec.data.bayes_loss(), found="another value", should=f"{floor!r} again", call=call
    )
    reached = _loss_of_guessing(sweep)
    require(
        reached is None or floor <= reached,
        found=f"{floor:.4f}",
        should=f"at most {reached or 0:.4f}, which guessing labels by their frequency in the set reaches",
        call=call,
    )


def _loss_of_guessing(sweep: Subject) -> float | None:
    """Return what guessing held-out labels by frequency costs at most; None where there are no classes.

    The frequencies of the set itself flatter a guess by about (n_classes - 1) / 2n nats, which is added, and
    three standard errors, because a floor is a mean over the same few labels.
    """
    labels = [batch["labels"].flatten() for batch in sweep.spec.data.eval_batches(128) if "labels" in batch]
    if not labels or sweep.data.n_classes is None:
        return None
    counted = torch.cat(labels)
    counts = torch.bincount(counted[counted != -100], minlength=sweep.data.n_classes).double()
    n, shares = float(counts.sum()), counts[counts > 0] / counts.sum()
    surprise = -shares.log()
    entropy = float((shares * surprise).sum())
    spread = math.sqrt(float((shares * (surprise - entropy) ** 2).sum()) + 1.0)
    return entropy + len(shares) / (2 * n) + 3 * spread / math.sqrt(n)
