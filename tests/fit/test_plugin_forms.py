"""Forms of other people: the contract is all that they need, and `fit.kind` all that their users do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pytest

from flops_fit.components import Estimator, SurfaceForm
from flops_fit.fit import Estimate, Optimum, fit_law, law_from_json
from flops_fit.plugins import Registry, registry, use
from flops_fit.plugins.registry import Offer
from flops_fit.quantities import Allocation, Interval


class Kaplan(SurfaceForm):
    """L = [(A/N)^alpha + B/D]^beta: no slopes, no grid, no starts, one theta at a time."""

    kind: Literal["their-kaplan"] = "their-kaplan"
    param_names: ClassVar[tuple[str, ...]] = ("A", "B", "alpha", "beta")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((1e6, 1e20), (1e6, 1e20), (0.2, 3.0), (0.01, 0.5))

    def predict(self, theta, n_params, n_units):
        A, B, alpha, beta = theta
        return ((A / n_params) ** alpha + B / n_units) ** beta

    def optimum(self, theta, flops: float, flops_per_unit: Callable[[float], float]) -> Allocation:
        sizes = np.geomspace(1e3, 1e15, 4000)
        units = flops / np.array([flops_per_unit(n) for n in sizes])
        i = int(np.argmin(self.predict(theta, sizes, units)))
        return Allocation(n_params=float(sizes[i]), n_units=float(units[i]))


@dataclass(frozen=True)
class RatioLaw:
    """The law of whoever always trains on the same number of units per parameter."""

    ratio: float
    loss: float
    flops_range: tuple[float, float]
    name: str = "their-ratio"

    @property
    def exponent_at_top(self) -> Estimate:
        return Estimate(value=0.5, interval=Interval(0.5, 0.5))

    exponent_whole_range = exponent_at_top

    def optimum(self, flops):
        n = (flops / (6 * self.ratio)) ** 0.5
        return Optimum(
            n_params=Estimate(value=n, interval=Interval(n / 2, n * 2)),
            loss=Estimate(value=self.loss, interval=Interval(self.loss - 1, self.loss + 1)),
        )

    def loss_at(self, n_params, n_units):
        return self.optimum(6 * n_params * n_units).loss

    def isoflop_curve(self, n_params, flops):
        return np.full_like(n_params, self.loss)


class Ratio(Estimator):
    kind: Literal["their-ratio"] = "their-ratio"
    units_per_param: float = 20.0

    def fit(self, points):
        loss, span = float(points.loss.min()), (float(points.flops.min()), float(points.flops.max()))
        return RatioLaw(ratio=self.units_per_param, loss=loss, flops_range=span)


@pytest.fixture(autouse=True, scope="module")
def _installed():
    theirs = [Offer(component="fit", kind=c.examples()[0].kind, cls=c, origin=None) for c in (Kaplan, Ratio)]
    use(Registry(offers=(*registry().offers, *theirs)))
    yield
    use(None)


def chosen(**options):
    """What `fit: {...}` in a spec or on the command line gives."""
    return registry().find("fit", options["kind"]).model_validate(options)


TRUTH = np.array([8e13, 5e10, 0.7, 0.08])


@pytest.fixture(scope="module")
def their_law(_installed, runs_on):
    form = chosen(kind="their-kaplan")
    return fit_law(runs_on(form, TRUTH, noise=0.001), form)


def test_a_surface_of_theirs_is_fitted_from_nowhere(their_law):
    assert their_law.headline.name == "their-kaplan"
    assert their_law.headline.theta[2:] == pytest.approx(TRUTH[2:], rel=0.05)
    true = Kaplan().optimum(TRUTH, 1e20, lambda n: 6 * n).n_params
    assert their_law.headline.optimum(1e20).n_params.value == pytest.approx(true, rel=0.15)


def test_its_law_is_saved_and_loaded(their_law):
    again = law_from_json(their_law.to_json())
    assert again.to_json() == their_law.to_json()
    assert again.headline.loss_at(1e8, 1e10) == their_law.headline.loss_at(1e8, 1e10)


def test_it_competes_with_ours_and_wins_where_it_is_right(their_law):
    rivals = {r.name: r for r in their_law.rivals}
    assert rivals["their-kaplan"].backtest_loss < 0.01
    assert rivals["their-kaplan"].weight == max(r.weight for r in rivals.values() if r.weight is not None)


def test_an_estimator_of_theirs_is_the_headline_saved_and_loaded_with_its_options(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.003), chosen(kind="their-ratio", units_per_param=50))
    assert law.headline.name == "their-ratio"
    assert law.second.name == "chinchilla"
    again = law_from_json(law.to_json())
    assert again.form == {"kind": "their-ratio", "units_per_param": 50.0}
    assert again.headline.optimum(1e20) == law.headline.optimum(1e20)
