"""What a plan warns about, and what it does not."""

from typing import Literal

import pytest

from flops_fit.components import FitForm
from flops_fit.design import plan_sweep
from flops_fit.fit.forms import DataConstrained


@pytest.fixture
def codes(make_spec, make_probe):
    def found(probe=None, **fields):
        plan = plan_sweep(make_spec(**fields), make_probe(**(probe or {})))
        return {finding.code: finding for finding in plan.findings}

    return found


def test_a_good_grid_has_nothing_to_report(codes):
    assert codes() == {}


@pytest.mark.parametrize(("n", "severity"), [(5, "warning"), (100, "info"), (999, "info"), (1000, None)])
def test_a_small_held_out_set_is_told_of(codes, n, severity):
    found = codes({"n_held_out": n})
    assert {f.severity for f in found.values()} == ({severity} if severity else set())
    assert severity is None or f"a mean over only {n} held-out tokens" in found["few-held-out"].message


def test_few_budgets_over_less_than_a_decade(codes):
    found = codes(budgets=(1e15, 2e15, 4e15))
    assert {"few-budgets", "narrow-span"} <= set(found)
    assert found["few-budgets"].message == "3 budgets have runs; exponents need at least 7."
    assert found["narrow-span"].action == "reach from 1e+15 to at least 1e+16 FLOPs"


def test_few_sizes_in_all_and_per_budget(codes):
    found = codes({"ratio": 4.0})
    assert "8 distinct sizes" not in found.get("few-sizes-per-budget", found["few-sizes"]).message
    assert "Fewer than 5 sizes at 1e+15" in found["few-sizes-per-budget"].message
    assert "few-sizes" in found


def test_sizes_on_one_side_of_the_prior_optimum(codes):
    """n_min above the prior optimum of the smallest budgets, below that of the others."""
    found = codes({"n_min": 3.2e6})
    assert "at 1e+15 FLOPs above it" in found["one-sided"].message
    assert found["one-sided"].action.startswith("raise these budgets, or let the model come in smaller sizes")
    assert "design.n_m" not in found["one-sided"].action  # nobody set them


@pytest.mark.parametrize(
    ("design", "action"),
    [
        ({"n_max": 6e6}, "raise design.n_max (now 6e+06) or lower training.batch_size (now "),
        ({"n_min": 3.2e6}, "lower design.n_min (now 3.2e+06), if the model comes that small"),
    ],
)
def test_a_limit_that_keeps_sizes_to_one_side_is_named_with_its_value(codes, design, action):
    assert action in codes(design, design=design)["one-sided"].action


def test_sizes_below_the_optimum_without_a_limit_want_a_wider_window_or_larger_budgets(codes):
    action = codes({"n_max": 6e6})["one-sided"].action
    assert action.startswith("raise design.window (now 8) or these budgets, or lower training.batch_size (")


def test_a_budget_without_runs(codes):
    found = codes({"n_min": 3e7})
    assert found["empty-budget"].severity == "error"
    assert "No run at 1e+15" in found["empty-budget"].message
    assert "keep to budgets from 2.15e+15 to 1e+17 FLOPs, which have runs" in found["empty-budget"].action


def test_runs_of_too_few_steps(codes):
    found = codes(design={"min_steps": 20}, training={"batch_size": 20000})
    assert "below 150 steps (the shortest" in found["few-steps"].message
    assert found["few-steps"].severity == "warning"


def test_runs_that_may_not_have_settled_are_mentioned_only(codes):
    found = codes(design={"min_steps": 150}, training={"batch_size": 2000})
    assert found["few-steps"].severity == "info"
    assert "below 1000 steps (the shortest" in found["few-steps"].message


def test_warmups_that_take_more_than_a_fifth_of_a_run(codes):
    found = codes(training={"warmup": 0.3})
    assert "for more than 20% of all steps (at most " in found["long-warmup"].message
    assert found["long-warmup"].value == pytest.approx(0.3, abs=0.01)
    assert "long-warmup" not in codes(training={"warmup": 0.2})


def test_whole_steps_that_miss_the_budget(codes):
    found = codes(design={"min_steps": 3}, training={"batch_size": 100_000})
    assert "off the FLOPs of their budget by more than 1%" in found["off-target"].message


@pytest.mark.parametrize(
    ("epoch", "code", "severity"),
    [
        (3e12, None, None),
        (1e9, "repeated-data", "info"),
        (2e8, "many-epochs", "warning"),
        (1e7, "many-epochs", "error"),
    ],
)
def test_repeated_data_is_told_and_told_louder_beyond_four_epochs(codes, epoch, code, severity):
    found = codes({"n_units": int(epoch), "n_min": 1e6}, budgets=tuple(1e15 * 1.5**i for i in range(7)))
    repeats = {name: finding for name, finding in found.items() if name in {"repeated-data", "many-epochs"}}
    assert set(repeats) == ({code} if code else set())
    assert all(finding.severity == severity for finding in repeats.values())
    assert all(finding.value > finding.threshold for finding in repeats.values())


@pytest.mark.parametrize(
    ("epoch", "code", "severity"), [(5e7, "repeated-data", "info"), (1e7, "many-epochs", "warning")]
)
def test_a_form_that_knows_of_repetition_reckons_with_it_as_far_as_any_form_can(codes, epoch, code, severity):
    class Repeating(FitForm):
        kind: Literal["data_constrained"] = "data_constrained"

    budgets = tuple(1e15 * 1.5**i for i in range(7))
    found = codes({"n_units": int(epoch), "n_min": 1e6}, budgets=budgets, fit=Repeating())
    assert {"repeated-data", "many-epochs"} & set(found) == {code}
    assert found[code].severity == severity
    assert "fresh data" not in found[code].message
    assert "data_constrained" not in found[code].action  # which it is already
    assert found[code].value > found[code].threshold


def test_many_epochs_are_told_with_the_form_to_write(codes):
    budgets = tuple(1e15 * 1.5**i for i in range(7))
    found = codes({"n_units": 2 * 10**8, "n_min": 1e6}, budgets=budgets)
    assert "`fit: {kind: data_constrained, unique_units: 200000000}`" in found["many-epochs"].action
    hopeless = codes({"n_units": 10**6, "n_min": 1e6}, budgets=budgets)
    assert "data_constrained" not in hopeless["many-epochs"].action


@pytest.mark.parametrize(
    ("claimed", "codes_found"), [(1e9, {"too-many-unique-units"}), (1e7, set()), (9e6, set())]
)
def test_a_form_may_not_claim_more_data_than_there_are(codes, claimed, codes_found):
    found = codes({"n_units": 10**7, "n_min": 1e6}, fit=DataConstrained(unique_units=claimed))
    assert {name for name in found if "unique" in name} == codes_found
    assert all(found[name].severity == "error" for name in codes_found)


@pytest.mark.parametrize(
    ("training", "default", "rate", "severity"),
    [
        ({"lr": 0.2}, 1e-3, "the learning rate 0.2; where", "info"),
        ({}, 0.5, "the learning rate 0.5; where", "info"),
        ({}, 1e-3, "the learning rate 0.001, the default, which nobody chose for it; where", "warning"),
    ],
)
def test_a_family_whose_rate_is_not_known_to_transfer(
    codes, monkeypatch, make_spec, training, default, rate, severity
):
    monkeypatch.setattr(type(make_spec().model), "lr_transfers", False)
    monkeypatch.setattr(type(make_spec().model), "default_lr", default)
    found = codes(training=training)["one-learning-rate"]
    assert rate in found.message
    assert found.severity == severity


def test_what_the_probes_saw(codes):
    assert codes({"caveats": ("Two rows are the same",)})["probe-caveat"].message == "Two rows are the same."
