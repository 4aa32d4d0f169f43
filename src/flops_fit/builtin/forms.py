"""The core's own fit forms: two estimators, the surfaces of `fit.forms` and the curves of `fit.curves`."""

from typing import Literal

from flops_fit.components import Estimator, FitForm
from flops_fit.fit import Law, Points, ValleyLaw, fit_best, fit_valley_law
from flops_fit.fit.curves import M1, M2, M3, M4, Bnsl
from flops_fit.fit.forms import Bounded, Ces, Chinchilla, DataConstrained, Gadre, Kappa


class Auto(Estimator):
    """The valley where runs form IsoFLOP budgets, else the surfaces that extrapolated best, averaged."""

    kind: Literal["auto"] = "auto"

    def fit(self, points: Points) -> Law:
        """Fit whichever the runs allow."""
        return fit_best(points)


class Valley(Estimator):
    """Each budget's minimum and how it moves with compute; assumes no surface.

    A robust parabola of ln loss over ln N per budget, trends of ln N* and ln L* that may drift, and
    intervals that a backtest on the sweep itself supports.
    """

    kind: Literal["valley"] = "valley"

    def fit(self, points: Points) -> ValleyLaw:
        """Fit the valley.

        Raises:
            FitError: fewer than three budgets have three sizes (`too-few-budgets`).
        """
        return fit_valley_law(points)


FORMS: tuple[type[FitForm], ...] = (
    Auto,
    Bnsl,
    Bounded,
    Ces,
    Chinchilla,
    DataConstrained,
    Gadre,
    Kappa,
    M1,
    M2,
    M3,
    M4,
    Valley,
)
"""What the core's `flops_fit_fit_forms` hook offers."""
