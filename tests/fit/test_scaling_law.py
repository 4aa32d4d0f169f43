import json
from dataclasses import replace
from typing import Literal

import pytest

from flops_fit.components import Estimator
from flops_fit.errors import FitError
from flops_fit.fit import Chinchilla, Estimate, Optimum, fit_law, law_from_json
from flops_fit.plugins import Registry, registry, use
from flops_fit.plugins.registry import Offer
from flops_fit.quantities import Interval


@pytest.mark.parametrize("form", [None, Chinchilla()], ids=["auto", "chinchilla"])
def test_a_law_survives_json_unchanged(chinchilla_runs, form):
    law = fit_law(chinchilla_runs(noise=0.004), form, unit="token")
    again = law_from_json(law.to_json())
    assert again.to_json() == law.to_json()
    assert again.headline.optimum(1e20) == law.headline.optimum(1e20)
    assert again.second.optimum(1e20) == law.second.optimum(1e20)
    assert again.headline.loss_at(1e7, 1e10) == law.headline.loss_at(1e7, 1e10)
    assert (again.findings, again.minima, again.status) == (law.findings, law.minima, law.status)


def test_rows_outside_every_budget_survive_json(public_runs):
    law = fit_law(public_runs("epoch_chinchilla"))
    assert law_from_json(law.to_json()).to_json() == law.to_json()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": 2}', "not json"])
def test_anything_else_is_refused(text):
    with pytest.raises(FitError, match="no scaling law that this version of flops-fit can read"):
        law_from_json(text)


def test_a_law_with_a_part_missing_is_refused_by_name(chinchilla_runs):
    stored = json.loads(fit_law(chinchilla_runs(noise=0.004)).to_json())
    del stored["points"]["loss"]
    with pytest.raises(FitError, match=r"points\.loss"):
        law_from_json(json.dumps(stored))


class Flat:
    """The law of a plugin: nothing that this library could store."""

    name, flops_range = "flat", (1e17, 1e19)
    exponent_at_top = exponent_whole_range = Estimate(value=0.5, interval=Interval(0.4, 0.6))

    def __init__(self, loss):
        self.loss = Estimate(value=loss, interval=Interval(loss - 1, loss + 1))

    def optimum(self, flops):
        return Optimum(n_params=Estimate(value=1e6, interval=Interval(9e5, 2e6)), loss=self.loss)

    def loss_at(self, n_params, n_units):
        return self.loss

    def isoflop_curve(self, n_params, flops):
        return n_params * 0 + self.loss.value


class FlatEstimator(Estimator):
    kind: Literal["flat"] = "flat"
    raised_by: float = 0.0

    def fit(self, points):
        return Flat(points.loss.min() + self.raised_by)


@pytest.fixture
def with_flat():
    installed = registry()
    use(
        Registry(
            offers=(*installed.offers, Offer(component="fit", kind="flat", cls=FlatEstimator, origin=None))
        )
    )
    yield
    use(None)


@pytest.mark.usefixtures("with_flat")
def test_the_law_of_a_plugins_estimator_is_fitted_again_from_the_stored_runs(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.004), FlatEstimator(raised_by=0.5))
    again = law_from_json(law.to_json())
    assert again.headline.optimum(1e18) == law.headline.optimum(1e18)
    assert again.form == {"kind": "flat", "raised_by": 0.5}
    assert again.second.name == "chinchilla"


def test_status_is_unreliable_from_the_first_error_on(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.004))
    assert law.status == "ok"
    worse = replace(law, findings=(*law.findings, replace(law.findings[0], severity="error")))
    assert worse.status == "unreliable"
