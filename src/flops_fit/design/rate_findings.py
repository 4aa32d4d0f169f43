"""What the reader of a sweep should know about its learning rate: how it was found, and what hangs on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flops_fit.config.flow import flow
from flops_fit.config.spec import SweepSpec
from flops_fit.design.grid import Finding, SweepPlan
from flops_fit.design.rates import CHECK_TRIALS, SEARCH_TRIALS, Valley, exponent_of, octaves_by, tuning_cells

MAX_LOST = 0.01
"""Share of its loss that a size may lose by its rate; beyond, losses are tilted by tuning.

Where it is lost over a factor of 8 in size, N* of Hoffmann et al. 2022, arXiv:2203.15556, moves by 6% to 16%
at 1e17 to 1e21 FLOPs. How many octaves that takes depends on how sharply losses bend with the rate.
"""
_SCALE_RATES = "let the model family scale its rates with the size (`param_groups`), as u-muP does"
_LEAVE_OUT = "leave out the sizes that are farthest off, by design.n_min or design.n_max"

MAX_SHIFT = 1.25
"""Factor by which N* may change where every size trains at its own best rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What the trials at several learning rates came to."""

    spec: SweepSpec
    """With the rates that were chosen."""
    middle: Valley
    """Here as in the others, 0 octaves is the rate at which that size will train."""
    others: tuple[Valley, ...]
    n_runs: int
    flops: float
    """Executed for all trials."""

    def lr_at(self, valley: Valley, octaves: float = 0.0) -> float:
        """Return a rate on the scale of `valley`."""
        return self.spec.lr_of(valley.run.size.n_params) * math.exp2(octaves)


def tuning_ahead(plan: SweepPlan, spec: SweepSpec) -> tuple[Finding, ...]:
    """Say what tuning will cost before a plan whose learning rate is not known yet is trained."""
    if spec.training.lr != "auto":
        return ()
    cells = tuning_cells(plan)
    n_runs = SEARCH_TRIALS + CHECK_TRIALS * len(cells.others)
    finding = Finding(
        code="rate-to-be-tuned",
        severity="info",
        message=f"The learning rate is tuned first: about {n_runs} runs, {cells.flops:.3g} FLOPs, "
        f"{cells.flops / plan.flops_executed:.1%} of what the sweep executes. Until then the plan shows "
        f"{spec.peak_lr:g}.",
        action="nothing; or write a number as `training.lr` to save them",
        value=cells.flops / plan.flops_executed,
    )
    return (finding,)


def tuning_findings(tuning: Tuning) -> tuple[Finding, ...]:
    """Return how the rate was chosen, whether it suits other sizes, and how N* depends on it."""
    return (_tuned(tuning), *_transfer(tuning), _shift(tuning))


def _tuned(tuning: Tuning) -> Finding:
    run, lr, scaling = tuning.middle.run, tuning.lr_at(tuning.middle), tuning.spec.training.lr_scaling
    return Finding(
        code="rate-tuned",
        severity="info",
        message=f"The learning rate {lr:.3g} is the best for {run.size.name} at {run.budget:.3g} FLOPs"
        + (f", and that of other sizes goes as N^{scaling.exponent:+.2f}" if scaling else "")
        + f" ({tuning.n_runs} trials in all, {tuning.flops:.3g} FLOPs).",
        action="nothing; the trials are kept in the directory `learning-rate` of the sweep",
        value=lr,
    )


def _transfer(tuning: Tuning) -> list[Finding]:
    """Compare the best rates of other sizes with those at which they train, by the loss between them."""
    if not tuning.others:
        return []
    worst = max(tuning.others, key=lambda valley: (valley.at_edge, _lost(valley)))
    found = ", ".join(
        f"{'beyond ' if valley.at_edge else ''}{tuning.lr_at(valley, valley.octaves):.2g} for "
        f"{valley.run.size.name} at {valley.run.budget:.3g} FLOPs, "
        f"which trains at {tuning.lr_at(valley):.2g} ({_cost(valley)})"
        for valley in tuning.others
    )
    tilted = _lost(worst) > MAX_LOST or worst.at_edge
    drift = max(abs(valley.octaves) for valley in tuning.others)
    finding = Finding(
        code="tilted-by-tuning" if tilted else "rate-transfers",
        severity="warning" if tilted else "info",
        message=f"The best learning rate is {found}: up to {drift:.2g} octaves away.",
        action=_to_suit_all_sizes(tuning) if tilted else "nothing",
        value=_lost(worst),
        threshold=MAX_LOST,
    )
    return [finding]


def _to_suit_all_sizes(tuning: Tuning) -> str:
    """Name what brings sizes closer to their best rates; a family that scales rates is not told to do so."""
    ways = [*_power(tuning), *([] if tuning.spec.model.lr_transfers else [_SCALE_RATES]), _LEAVE_OUT]
    return "; or ".join(ways)


def _power(tuning: Tuning) -> list[str]:
    """Write down the power of N that best rates follow, if the worst size would lose less under it."""
    middle, others, before = tuning.middle, tuning.others, tuning.spec.training.lr_scaling
    exponent = exponent_of(middle, others)
    scaled = [valley.seen_from(octaves_by(exponent, valley, middle)) for valley in others]
    if max(map(_lost, scaled)) >= max(map(_lost, others)):
        return []
    written = {
        "at": middle.run.size.n_params,
        "exponent": round(exponent + (before.exponent if before else 0.0), 2),
    }
    return [f"write `training.lr_scaling: {flow(written)}`, a power of N that is closer to these best rates"]


def _lost(valley: Valley) -> float:
    """Return the share of its loss that the cell loses by training at the rate chosen for it."""
    return math.expm1(valley.ln_loss_at(0.0) - valley.ln_loss) if valley.ln_loss < math.inf else math.inf


def _cost(valley: Valley) -> str:
    if valley.ln_loss == math.inf:
        return "every trial diverged"
    return f"{'at least ' if valley.at_edge else ''}{_lost(valley):.1%} of its loss lost"


def _shift(tuning: Tuning) -> Finding:
    """Compare the N* of the chosen rates with that of other rates, and of the best rate for each size."""
    budget = tuning.middle.run.budget
    row = [valley for valley in (tuning.middle, *tuning.others) if valley.run.budget == budget]
    lower, shared, higher = (
        _best_ln_n(row, [valley.ln_loss_at(octaves) for valley in row]) for octaves in (-1.0, 0.0, 1.0)
    )
    own = _best_ln_n(row, [valley.ln_loss for valley in row])
    if not all(map(math.isfinite, (lower, shared, higher, own))):
        return Finding(
            code="rate-sensitivity-unknown",
            severity="info",
            message=f"How N* depends on the learning rate could not be told from {len(row)} sizes at "
            f"{budget:.3g} FLOPs: their losses have no minimum among them.",
            action="widen design.window, so that the cheapest budget has sizes on both sides of its optimum",
        )
    shift = math.exp(shared - own)
    far = max(shift, 1 / shift) > MAX_SHIFT
    return Finding(
        code="rate-sensitivity",
        severity="warning" if far else "info",
        message=f"At {budget:.3g} FLOPs, half the learning rate moves N* by a factor of "
        f"{math.exp(lower - shared):.2f} and twice the rate by {math.exp(higher - shared):.2f}; with its own "
        f"best rate for each size N* would be {1 / shift:.2f} times what it is (from three sizes).",
        action=f"{_to_suit_all_sizes(tuning)}; until then read N* as uncertain by that factor"
        if far
        else "nothing",
        value=shift,
        threshold=MAX_SHIFT,
    )


def _best_ln_n(row: Sequence[Valley], ln_loss: Sequence[float]) -> float:
    """Return the vertex of the parabola through ln(loss) against ln N; nan if it is not among the sizes."""
    import numpy as np

    ln_n = [math.log(valley.run.size.n_params) for valley in row]
    if len(set(ln_n)) < 3 or not all(map(math.isfinite, ln_loss)):
        return math.nan
    a, b, _ = np.polyfit(ln_n, ln_loss, 2)
    vertex = float(-b / (2 * a)) if a > 0 else math.nan
    return vertex if min(ln_n) <= vertex <= max(ln_n) else math.nan
