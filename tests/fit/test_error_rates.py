from dataclasses import replace

import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.fit import Conventions, Points
from flops_fit.fit.error_rates import are_error_rates
from flops_fit.fit.forms import Bounded, Chinchilla
from flops_fit.fit.imported import fit_imported
from flops_fit.fit.misses import Inflation
from flops_fit.fit.points import points_of


@pytest.fixture
def error_rates(runs_on):
    """An error rate between 0.2 and 1 on a grid that forms no budgets."""
    form = Bounded()
    sweep = runs_on(form, np.array([0.05, 3e4, 3e5, 0.65, 0.65]), noise=0.01)
    return [
        replace(
            run,
            budget=None,
            flops=run.flops * (1 + i % 9),
            n_units=run.n_units * (1 + i % 9),
            origin="imported",
        )
        for i, run in enumerate(sweep)
    ]


def fitted(runs, form: SurfaceForm | None = None, loss_unit: str = "unknown"):
    return fit_imported(runs, form, unit="image", declared=Conventions(loss_unit=loss_unit))


def finding(law):
    return next((f for f in law.findings if f.code == "error-rates"), None)


def test_error_rates_are_fitted_by_a_bounded_form_and_the_reader_asked_to_confirm(error_rates):
    law = fitted(error_rates)
    assert law.form["kind"] == "bounded"
    assert finding(law).severity == "warning"
    assert "loss_unit=" in finding(law).action


def test_error_rates_that_are_declared_need_no_question(error_rates):
    law = fitted(error_rates, loss_unit="top-1 error")
    assert law.form["kind"] == "bounded"
    assert finding(law) is None


def test_a_power_law_through_error_rates_is_unreliable(error_rates):
    law = fitted(error_rates, Chinchilla())
    assert finding(law).severity == "error"
    assert law.status == "unreliable"


def test_another_unit_overrules_the_guess(error_rates):
    law = fitted(error_rates, loss_unit="nats per image")
    assert law.form["kind"] == "auto"
    assert finding(law) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("vision_imagenet", True), ("llama_3", False), ("gadre", False)]
)
def test_public_tables_are_told_apart(public_runs, name, expected):
    points: Points = points_of(public_runs(name))
    assert are_error_rates(points, "unknown") is expected


def test_no_interval_of_an_error_rate_reaches_above_one(error_rates):
    headline = fitted(error_rates, loss_unit="top-1 error").headline
    wide = replace(headline, inflation=Inflation(size=1.0, loss=20.0, n_origins=3))
    for law in (headline, wide):
        losses = [law.optimum(float(c)).loss for c in np.geomspace(1e13, 1e21, 9)] + [law.loss_at(1e3, 1e5)]
        assert all(0 < loss.interval.low <= loss.value <= loss.interval.high <= 1 for loss in losses)
    assert wide.optimum(1e13).loss.interval.high == 1


def test_a_chance_below_one_bounds_the_form_and_not_the_noise_of_a_run():
    assert Bounded(chance=0.9).largest_loss == 1
    assert Bounded(chance=4.6).largest_loss == 4.6
    assert Chinchilla().largest_loss == np.inf


def test_the_intervals_of_error_rates_hold_what_runs_show(error_rates):
    law = fitted(error_rates[::2], loss_unit="top-1 error").headline
    inside = [run.loss in law.loss_at(run.n_params, run.n_units).interval for run in error_rates[1::2]]
    assert np.mean(inside) >= 0.9
