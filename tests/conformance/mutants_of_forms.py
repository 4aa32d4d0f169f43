"""Fit forms that are healthy but for one fault, and the check that is named for it."""

from collections.abc import Iterator
from itertools import count
from typing import ClassVar, Literal

import numpy as np

from flops_fit.builtin.forms import Valley
from flops_fit.fit.curves import M2
from flops_fit.fit.forms import Chinchilla
from flops_fit.quantities import Allocation
from flops_fit_conformance.checks import curve, estimator, form, optimum, recovery


class Form(Chinchilla):
    kind: Literal["mutant"] = "mutant"


class OneByOne(Form):
    """Nothing but `predict` and `optimum`, as a first plugin has it."""

    batched: ClassVar[bool] = False

    def jacobian(self, theta, n_params, n_units):
        return None

    def grid(self, n_params, n_units):
        return None

    def starts(self, plain, n_params, n_units):
        return plain[None]


class Misnamed(Form):
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "alpha", "alpha")


class ExpectingOthers(Form):
    expected: ClassVar[dict[str, tuple[float, float]]] = {"gamma": (0.3, 0.1)}


class NegativeSomewhere(OneByOne):
    def predict(self, theta, n_params, n_units):
        return super().predict(theta, n_params, n_units) * np.where(n_params > 1e9, -1, 1)


class WrongJacobian(Form):
    """The slope in beta has the wrong sign."""

    def jacobian(self, theta, n_params, n_units):
        return super().jacobian(theta, n_params, n_units) * np.array([1, 1, 1, 1, -1])


class WrongInBatches(Form):
    def predict(self, theta, n_params, n_units):
        loss = super().predict(theta, n_params, n_units)
        return loss if theta.ndim == 1 else loss[::-1]


class WrongColumns(Form):
    def columns(self, nonlinear, n_params, n_units):
        return super().columns(nonlinear, n_params, n_units)[[0, 2, 1]]


class BoundsThatExcludeTheTruth(Form):
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        *Chinchilla.bounds[:3],
        (0.6, 1.5),
        Chinchilla.bounds[4],
    )


class WrongOptimum(Form):
    """Takes the exponents for one another."""

    def optimum(self, theta, flops, flops_per_unit):
        E, A, B, alpha, beta = theta
        return super().optimum(np.array([E, A, B, beta, alpha]), flops, flops_per_unit)


class OptimumOfTheTextbook(Form):
    """Right for C = 6·N·D, whatever phi it is given."""

    def optimum(self, theta, flops, flops_per_unit):
        exact = super().optimum(theta, flops, lambda n: 6.0 * n)
        return Allocation(exact.n_params, flops / flops_per_unit(exact.n_params))


class Overspending(Form):
    def optimum(self, theta, flops, flops_per_unit):
        exact = super().optimum(theta, flops, flops_per_unit)
        return Allocation(exact.n_params, 1.1 * exact.n_units)


class Misleading(OneByOne):
    """Sends the search for its parameters elsewhere, and has slopes of 0 that keep it there."""

    def starts(self, plain, n_params, n_units):
        return np.array([[1.0, 1e3, 1e3, 0.2, 0.9]])

    def jacobian(self, theta, n_params, n_units):
        return np.zeros((len(n_params), 5))


class Stubborn(OneByOne):
    """Whatever the runs, the parameters of the noise-free surface with a little more of E."""

    def predict(self, theta, n_params, n_units):
        return super().predict(theta, n_params, n_units) * (1 + 0.03 * np.sin(7 * np.log(n_params)))


class ExponentOfN(Form):
    """Takes the exponent of N for that of the loss along C."""

    def loss_exponent(self, theta, n_params, n_units):
        return theta[3]


class UpsideDown(Form):
    """Its law is asked for a curve around an optimum that is none."""

    def optimum(self, theta, flops, flops_per_unit):
        exact = super().optimum(theta, flops, flops_per_unit)
        return Allocation(exact.n_params * 30, flops / flops_per_unit(exact.n_params * 30))


# ---- curves


class Curve(M2):
    kind: Literal["mutant"] = "mutant"


class StuckCurve(Curve):
    def slopes(self, theta, x):
        return 0 * super().slopes(theta, x)


class CreepingCurve(Curve):
    """Predicts 2% more with every call, so that runs never come from the truth that was asked for before."""

    calls: ClassVar[Iterator[int]] = count()

    def at(self, theta, x):
        return super().at(theta, x) * (1.02 ** next(self.calls) if theta.ndim == 1 else 1)


# ---- estimators


class Method(Valley):
    kind: Literal["mutant"] = "mutant"


class Changed:
    """A law that answers as another does, but for what is given here."""

    def __init__(self, law, **changes):
        self._law, self._changes = law, changes

    def __getattr__(self, name):
        return self._changes[name] if name in self._changes else getattr(self._law, name)


class WithoutAName(Method):
    def fit(self, points):
        return Changed(super().fit(points), name="")


class OfAnotherCurve(Method):
    def fit(self, points):
        law = super().fit(points)
        return Changed(law, isoflop_curve=lambda n, flops: law.isoflop_curve(n / 4, flops))


class AtRandom(Method):
    def fit(self, points):
        law, factor = super().fit(points), 1 + 1e-3 * np.random.default_rng().random()
        return Changed(law, optimum=lambda flops: law.optimum(flops * factor))


class Biased(Method):
    def fit(self, points):
        law = super().fit(points)
        return Changed(law, optimum=lambda flops: law.optimum(3 * flops))


def subject_of(mutant):
    return mutant()


MUTANTS = [
    (form.check_parameters_are_declared, Misnamed, "distinct names"),
    (form.check_parameters_are_declared, ExpectingOthers, "ExpectingOthers.expected"),
    (form.check_predictions_are_losses, NegativeSomewhere, "positive, finite losses"),
    (form.check_jacobian_agrees_with_differences, WrongJacobian, "found dL/dbeta ="),
    (form.check_batches_of_parameters, WrongInBatches, "values of predict for each theta"),
    (form.check_columns_are_the_linear_part, WrongColumns, "its prediction"),
    (form.check_bounds_hold_ordinary_runs, BoundsThatExcludeTheTruth, "alpha = 0.6 at the end of (0.6, 1.5)"),
    (optimum.check_optimum_is_optimal, WrongOptimum, "phi = 6·N)"),
    (optimum.check_optimum_is_optimal, OptimumOfTheTextbook, "phi = 6·N + 6e5·√N)"),
    (optimum.check_optimum_spends_the_budget, Overspending, "which cost 1.1e+17"),
    (optimum.check_loss_exponent_is_how_the_loss_falls, ExponentOfN, "by differences of the loss"),
    (recovery.check_known_parameters_are_recovered, Misleading, "from which the runs were made"),
    (recovery.check_intervals_cover_the_truth, UpsideDown, "intervals of N* without the truth"),
    (recovery.check_law_can_be_asked, UpsideDown, "the least at N*"),
    (curve.check_known_curve_is_recovered, StuckCurve, "from which the runs were made"),
    (curve.check_curve_intervals_cover_the_truth, CreepingCurve, "intervals of the loss without the truth"),
    (estimator.check_fit_returns_a_law, WithoutAName, "found name ''"),
    (estimator.check_isoflop_curve_is_least_at_the_optimum, OfAnotherCurve, "the least at N*"),
    (estimator.check_fit_is_repeatable, AtRandom, "as the first time"),
    (estimator.check_law_intervals_cover_the_truth, Biased, "without the truth"),
]
