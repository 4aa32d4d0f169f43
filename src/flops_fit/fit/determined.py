"""Refusals: runs that cannot determine a scaling law, whatever is fitted to them."""

import numpy as np

from flops_fit.errors import FitError
from flops_fit.fit.points import Points

FEWEST_RUNS = 8
_FEWEST_SIZES = 3
_LEAST_RANGE = 2.0
_LEAST_LOSS_RANGE = 1e-3
_LEAST_SCATTER = 0.1
"""Standard deviation of ln D around its trend in ln N below which N and D cannot be told apart."""


def check_determined(points: Points) -> None:
    """Refuse runs that leave the law open.

    Raises:
        FitError: `too-few-sizes`, `too-few-runs`, `one-budget`, `fixed-ratio` or `constant-loss`.
    """
    n_sizes = len(np.unique(np.round(np.log(points.n_params), 3)))
    if n_sizes < _FEWEST_SIZES:
        raise FitError(
            f"The runs have {n_sizes} model size{'s' * (n_sizes > 1)}; at least {_FEWEST_SIZES} are needed.",
            fix="train at least five sizes at every budget",
            code="too-few-sizes",
        )
    if len(points) < FEWEST_RUNS:
        raise FitError(
            f"{len(points)} usable runs cannot determine a scaling law; at least {FEWEST_RUNS} are needed.",
            fix="train at least 5 sizes at each of 7 budgets",
            code="too-few-runs",
        )
    span = float(points.flops.max() / points.flops.min())
    if span < _LEAST_RANGE:
        raise FitError(
            f"All runs spend about {points.flops.max():.3g} FLOPs (largest over smallest {span:.2f}); "
            "how the optimum moves with compute cannot be seen at one budget.",
            fix="train further budgets, at least a decade of compute apart in all",
            code="one-budget",
        )
    if _scatter_of_data(points) < _LEAST_SCATTER:
        raise FitError(
            "D follows from N in all runs, so the effect of one cannot be told from that of the other.",
            fix="train several sizes at the same compute (an IsoFLOP curve)",
            code="fixed-ratio",
        )
    if np.ptp(np.log(points.loss)) < _LEAST_LOSS_RANGE:
        raise FitError(
            f"All runs reach the same loss, {points.loss.mean():.4g}, to {_LEAST_LOSS_RANGE:.1%}.",
            fix="check that the column `loss` is the held-out loss after training",
            code="constant-loss",
        )


def _scatter_of_data(points: Points) -> float:
    log_n, log_d = np.log(points.n_params), np.log(points.n_units)
    line = np.polynomial.polynomial.polyfit(log_n - log_n.mean(), log_d, 1)
    return float(np.std(log_d - np.polynomial.polynomial.polyval(log_n - log_n.mean(), line)))
