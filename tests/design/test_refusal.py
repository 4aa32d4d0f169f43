"""What is refused before it is trained, because the fit would refuse it afterwards."""

from dataclasses import replace
from typing import ClassVar, Literal

import pytest

from flops_fit.components import SurfaceForm
from flops_fit.design import check_worth_training, plan_sweep
from flops_fit.errors import SpecError

COARSE = {"ratio": 4.0, "n_min": 3e6, "n_max": 2e7}
"""A family of two sizes, of which each budget trains one or both."""


class OverData(SurfaceForm):
    kind: Literal["over_data"] = "over_data"
    param_names: ClassVar = ("E",)
    bounds: ClassVar = ((0, 1),)
    of_size: ClassVar = False

    def predict(self, theta, n_params, n_units):
        raise NotImplementedError

    def optimum(self, theta, flops, flops_per_unit):
        raise NotImplementedError


@pytest.fixture
def plan(make_spec, make_probe):
    return lambda probe=None, **fields: plan_sweep(make_spec(**fields), make_probe(**(probe or {})))


@pytest.fixture
def check(make_spec):
    """Check what is planned of a family that can say no more than its sizes."""
    return lambda planned: check_worth_training(planned, make_spec())


def test_a_good_plan_passes(plan, check):
    check(plan())


@pytest.mark.parametrize(
    ("probe", "fields", "lacking"),
    [
        (COARSE, {}, ": 2 of at least 3 sizes."),
        ({}, {"budgets": (1e15,), "design": {"sizes_per_budget": 5}}, ": 5 of at least 8 runs; budgets that"),
        ({}, {"budgets": (1e15, 1.5e15)}, ": budgets that span a factor of 1.5 instead of at least 2."),
        ({"n_min": 4e6, "n_max": 7e6}, {}, ": sizes that span a factor of 1.69 instead of at least 2."),
    ],
)
def test_what_the_fit_would_refuse_is_refused_before_a_flop_is_spent(plan, check, probe, fields, lacking):
    planned = plan(probe, **fields)
    with pytest.raises(SpecError) as caught:
        check(planned)
    assert caught.value.code == "too-little-to-fit"
    assert lacking in caught.value.problem
    assert caught.value.fix == next(f.action for f in planned.findings if f.code == "too-little-to-fit")


def test_what_lacks_and_what_to_do_about_it_are_told(plan):
    (finding,) = [f for f in plan(COARSE, budgets=(1e15, 1.5e15)).findings if f.code == "too-little-to-fit"]
    assert finding.severity == "error"
    assert finding.message == (
        "The fit would refuse these runs: 4 of at least 8 runs; 2 of at least 3 sizes; "
        "budgets that span a factor of 1.5 instead of at least 2."
    )
    assert finding.action == (
        "spread the budgets over a factor of 10; then raise the budgets, or lower training.batch_size, until "
        "more sizes have design.min_steps steps; or raise design.window or design.sizes_per_budget; or list "
        "more sizes (in Python `model_sizes`)"
    )


def test_a_curve_needs_no_sizes(plan):
    assert "too-little-to-fit" not in {f.code for f in plan(COARSE, fit=OverData()).findings}


def test_every_error_is_told_and_the_first_one_mended(plan, check):
    planned = plan({"n_min": 3e7, "n_units": 10**7})
    assert [f.code for f in planned.findings if f.severity == "error"] == ["empty-budget", "many-epochs"]
    with pytest.raises(SpecError, match=r"No run at 1e\+15.* beyond 4 epochs") as caught:
        check(planned)
    assert caught.value.code == "empty-budget"


def test_warnings_stop_nothing(plan, check):
    planned = plan()
    doubtful = replace(planned, findings=plan(budgets=(1e15, 4e15)).findings)
    assert {f.severity for f in doubtful.findings} == {"warning"}
    check(doubtful)
