"""What is unusual about how N* and the loss move with compute: findings about a valley's trends."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import stdtrit

from flops_fit.design import Finding
from flops_fit.fit.valley import Member
from flops_fit.fit.valley_law import BudgetMinimum, ValleyLaw

_DOUBTED = 0.5
_FEWEST_BUDGETS = 5
_SURE = 0.975


def about_slopes(law: ValleyLaw) -> Iterator[Finding]:
    """Say where slopes are unlike those of published sweeps, so that nothing was expected of them."""
    loss, size = (float(np.mean(doubts)) for doubts in zip(*map(_doubts, law.valley.members), strict=True))
    if loss > _DOUBTED:
        yield Finding(
            code="unusual-loss-slope",
            severity="info",
            message=f"The loss falls as C^{law.loss_slope_at_top.value:.2f} at the top, unlike the losses of "
            "published sweeps (about C^-0.06); what those would suggest was set aside.",
            action="check that the loss is a cross-entropy on held-out data; a toy task may well be so",
        )
    if size > _DOUBTED:
        yield Finding(
            code="unusual-exponent",
            severity="info",
            message=f"N* grows as C^{law.exponent_at_top.value:.2f} at the top, unlike that of published "
            "sweeps (0.37 to 0.79); what those would suggest was set aside.",
            action="check that every size was trained well at every budget, its learning rate above all",
        )
    if _accelerates(law.minima):
        yield Finding(
            code="accelerating-loss",
            severity="warning",
            message="The loss falls ever faster with compute, as no power law with an irreducible loss does; "
            "forecasts of the loss are then too high, and their intervals too narrow.",
            action="evaluate the cross-entropy rather than an error rate or a score",
        )


def _doubts(member: Member) -> tuple[float, float]:
    return member.loss_trend.slope_doubt, member.size_trend.slope_doubt


def _accelerates(minima: Sequence[BudgetMinimum]) -> bool:
    """Whether a parabola through ln L* over ln C opens downwards beyond doubt (one-sided t test, 2.5%).

    E + K·C^-g opens upwards for every E >= 0, and warm-up that spoils the lowest budgets only adds to that.
    """
    n_spare = len(minima) - 3
    if len(minima) < _FEWEST_BUDGETS:
        return False
    log_flops = np.log([m.flops for m in minima])
    powers = np.vander(log_flops - log_flops.mean(), 3, increasing=True)
    log_loss = np.log([m.loss for m in minima])
    coefficients = np.linalg.lstsq(powers, log_loss, rcond=None)[0]
    variance = np.sum((log_loss - powers @ coefficients) ** 2) / n_spare
    error = np.sqrt(variance * np.linalg.inv(powers.T @ powers)[2, 2])
    return bool(coefficients[2] < -float(stdtrit(n_spare, _SURE)) * error)
