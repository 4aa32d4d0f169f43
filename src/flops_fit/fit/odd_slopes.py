"""What is unusual about how N* and the loss move with compute: findings about a valley's trends."""

from collections.abc import Iterator

import numpy as np

from flops_fit.design import Finding
from flops_fit.fit.conventions import UNKNOWN
from flops_fit.fit.law import Estimate
from flops_fit.fit.valley_law import ValleyLaw
from flops_fit.fit.vertex import Vertices

_DOUBTED = 0.5
_FEWEST_BUDGETS = 5
_LIKELY, _SURE = -1.96, -3.0
"""Standard errors of the bend: straight power laws pass one in forty sweeps, the other never."""
_SCATTER = 0.0015
"""Of a budget's loss around its trend, the middle one of those that the trends average over."""


_NO_RATES = ("nats", "bits", "entropy", "difference")
"""In the unit of a loss that is a cross-entropy already, or no rate that one could take the place of."""


def about_slopes(law: ValleyLaw, loss_unit: str = UNKNOWN) -> Iterator[Finding]:
    """Say where slopes are unlike those of published sweeps, and where a loss falls as no law here does."""
    yield from _about_expectations(law)
    bend = _bend(law.valley.members[-1].vertices)
    if bend < _LIKELY:
        yield Finding(
            code="accelerating-loss",
            severity="error" if bend < _SURE else "warning",
            message="The loss falls ever faster with compute, as no power law with an irreducible loss does; "
            "forecasts of the loss are then too high, and their intervals too narrow.",
            action=_steadier(loss_unit),
            value=bend,
            threshold=_LIKELY,
        )


def _steadier(loss_unit: str) -> str:
    """Say what helps against a loss that falls ever faster; a cross-entropy need not be changed for one."""
    longer = "train larger budgets, or more of them; runs of few steps are still in their warm-up"
    if any(word in loss_unit.lower() for word in _NO_RATES):
        return longer
    return f"evaluate the cross-entropy rather than an error rate or a score; if it is one, {longer}"


def _about_expectations(law: ValleyLaw) -> Iterator[Finding]:
    """Yield what nothing was expected of, because the budgets conflict with what usually is."""
    loss = float(np.mean([m.loss_trend.slope_doubt for m in law.valley.members]))
    if loss > _DOUBTED:
        yield _about_loss(law.loss_slope_at_top, loss)
    size = float(np.mean([m.size_trend.slope_doubt for m in law.valley.members]))
    if size > _DOUBTED:
        yield Finding(
            code="unusual-exponent",
            severity="info",
            message=f"N* grows as C^{law.exponent_at_top.value:.2f} at the top, unlike that of published "
            "sweeps (0.37 to 0.79); what those would suggest was set aside.",
            action="check that every size was trained well at every budget, its learning rate above all",
            value=size,
            threshold=_DOUBTED,
        )


def _about_loss(slope: Estimate, doubt: float) -> Finding:
    """Say how the loss moves with compute; one that surely rises leaves nothing to be optimal."""
    rises = slope.value > 0
    return Finding(
        code="unusual-loss-slope",
        severity="error" if slope.interval.low > 0 else "info",
        message=f"The loss {'rises' if rises else 'falls'} as C^{slope.value:.2f} at the top, unlike the "
        "losses of published sweeps, which fall about as C^-0.06; what those would suggest was set aside.",
        action="check that it is a loss, of which less is better, and that large runs did not diverge"
        if rises
        else "check that the loss is a cross-entropy on held-out data; a toy task may well be so",
        value=doubt,
        threshold=_DOUBTED,
    )


def _bend(vertices: Vertices) -> float:
    """Return how many standard errors a parabola through ln L* over ln C opens upwards; 0 for few budgets.

    E + K·C^-g opens upwards for every E >= 0, and warm-up that spoils the lowest budgets only adds to that.
    The errors are those of the minima and a usual scatter, or larger if the budgets scatter more (Birge 1932,
    Phys. Rev. 40, 207).
    """
    n_spare = len(vertices.log_flops) - 3
    if n_spare < _FEWEST_BUDGETS - 3:
        return 0.0
    powers = np.vander(vertices.log_flops - vertices.log_flops.mean(), 3, increasing=True)
    precision = np.linalg.inv(vertices.log_loss_cov + _SCATTER**2 * np.eye(len(powers)))
    covariance = np.linalg.inv(powers.T @ precision @ powers)
    coefficients = covariance @ powers.T @ precision @ vertices.log_loss
    misses = vertices.log_loss - powers @ coefficients
    excess = max(1.0, float(misses @ precision @ misses) / n_spare)
    return float(coefficients[2] / np.sqrt(covariance[2, 2] * excess))
