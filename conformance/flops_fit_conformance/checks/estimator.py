"""Clauses about an estimator: a fit that brings its own method, on runs of a published surface."""

from __future__ import annotations

import math

import numpy as np

from flops_fit.components import Estimator
from flops_fit.fit import Estimate, Law
from flops_fit_conformance.breach import require
from flops_fit_conformance.reference_runs import BUDGETS, SIZES, language_loss, runs_on
from flops_fit_conformance.truth_covered import NOISE, SEEDS, require_covered

TOP = float(BUDGETS[-1])


def check_fit_returns_a_law(estimator: Estimator) -> None:
    """`fit(points)` returns a law: a name, a range of compute, exponents, answers within their intervals."""
    law = _law(estimator, 0)
    call = f"{estimator!r}.fit(points)"
    require(
        isinstance(law.name, str) and bool(law.name),
        found=f"name {law.name!r}",
        should="a name for tables",
        call=call,
    )
    low, high = law.flops_range
    require(
        0 < low < high and math.isclose(high, TOP, rel_tol=0.1),
        found=f"flops_range {law.flops_range}",
        should=f"the least and largest compute of the runs, {BUDGETS[0]:.3g} to {TOP:.3g}",
        call=call,
    )
    best = law.optimum(TOP)
    answers = {
        "exponent_at_top": law.exponent_at_top,
        "exponent_whole_range": law.exponent_whole_range,
        "optimum(...).n_params": best.n_params,
        "optimum(...).loss": best.loss,
        "loss_at(...)": law.loss_at(best.n_params.value, TOP / (6 * best.n_params.value)),
    }
    wrong = [f"{name} = {answer}" for name, answer in answers.items() if not _is_estimate(answer)]
    require(
        not wrong,
        found="; ".join(wrong),
        should="finite values within their intervals",
        call=f"law of {call}",
    )


def check_isoflop_curve_is_least_at_the_optimum(estimator: Estimator) -> None:
    """`isoflop_curve(n_params, flops)` returns a loss per size, the least where the law has its optimum."""
    law = _law(estimator, 0)
    n_best = law.optimum(TOP).n_params.value
    curve = np.asarray(law.isoflop_curve(n_best * np.array([0.4, 1.0, 2.5]), TOP))
    require(
        curve.shape == (3,) and bool(np.isfinite(curve).all()) and curve[1] <= min(curve[0], curve[2]),
        found=f"losses {curve} at 0.4, 1 and 2.5 times N* = {n_best:.4g}",
        should="three finite losses, the least at N*",
        call=f"law of {estimator!r}.isoflop_curve(n_params, {TOP:g})",
    )


def check_fit_is_repeatable(estimator: Estimator) -> None:
    """The same runs give the same law: what resamples seeds its own generator."""
    first, again = (_law(estimator, 0).optimum(TOP) for _ in range(2))
    require(
        first == again,
        found=f"N* = {again.n_params}",
        should=f"{first.n_params}, as the first time",
        call=f"{estimator!r}.fit(points), twice",
    )


def check_law_intervals_cover_the_truth(estimator: Estimator) -> None:
    """The 95% intervals of best size and loss at the largest budget hold the truth."""
    losses = language_loss(SIZES, TOP / (6 * SIZES))
    best = int(np.argmin(losses))
    answers = [_law(estimator, seed).optimum(TOP) for seed in SEEDS]
    call = f"{estimator!r}.fit(runs of a published surface with {NOISE:.1%} of noise)"
    for name, truth, estimates in (
        ("N*", float(SIZES[best]), [answer.n_params for answer in answers]),
        ("loss", float(losses[best]), [answer.loss for answer in answers]),
    ):
        require_covered(name, truth, estimates, call=call)


def _law(estimator: Estimator, seed: int) -> Law:
    law: Law = estimator.fit(runs_on(language_loss, noise=NOISE, seed=seed))
    return law


def _is_estimate(answer: Estimate) -> bool:
    interval = answer.interval
    return math.isfinite(answer.value) and interval.low <= answer.value <= interval.high
