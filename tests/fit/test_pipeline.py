"""From runs to a law: what is refused, what is marked, and what must not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import FitError, FlopsFitError
from flops_fit.fit import Chinchilla, ValleyLaw, fit_law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.surface_law import SurfaceLaw
from flops_fit.runs import RunRecord


def codes(law, *severities):
    return {f.code for f in law.findings if not severities or f.severity in severities}


def test_budgets_make_the_valley_the_headline_and_the_surface_the_second_opinion(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.003), unit="token")
    assert (law.headline.name, law.second.name, law.status, law.unit) == (
        "valley",
        "chinchilla",
        "ok",
        "token",
    )


def test_runs_without_budgets_make_an_average_of_surfaces_the_headline(public_runs):
    law = fit_law(public_runs("gadre", source="gadre_c4_original"))
    assert law.headline.name == "average"
    assert law.second is None


def test_a_form_that_is_asked_for_is_the_headline_and_the_other_kind_the_second(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.003), Chinchilla())
    assert (law.headline.name, law.second.name, law.form["kind"]) == ("chinchilla", "valley", "chinchilla")


def test_two_budgets_leave_it_to_the_surfaces(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.001, budgets=np.array([1e17, 1e19])))
    assert isinstance(law.headline, SurfaceLaw | MixtureLaw)


@pytest.mark.parametrize(
    ("broken", "code", "message"),
    [
        (lambda runs: runs[:2], "too-few-sizes", "2 model sizes"),
        (
            lambda runs: [replace(r, n_params=1e6, n_units=r.flops / 6e6) for r in runs],
            "too-few-sizes",
            "1 model size",
        ),
        (lambda runs: runs[:6], "too-few-runs", "6 usable runs"),
        (lambda runs: runs[:9], "one-budget", r"All runs spend about 1e\+17 FLOPs"),
        (lambda runs: [replace(r, loss=3.0) for r in runs], "constant-loss", "same loss, 3"),
    ],
    ids=["two-rows", "one-size", "six-rows", "one-budget", "constant-loss"],
)
def test_runs_that_cannot_determine_a_law_are_refused(chinchilla_runs, broken, code, message):
    with pytest.raises(FitError, match=message) as caught:
        fit_law(broken(chinchilla_runs()))
    assert caught.value.code == code


def test_a_fixed_ratio_of_data_to_parameters_is_refused(chinchilla_runs):
    runs = [
        replace(r, n_units=20 * r.n_params, flops=120 * r.n_params**2, budget=None) for r in chinchilla_runs()
    ]
    with pytest.raises(FitError, match="D follows from N in all runs"):
        fit_law(runs)


def test_runs_in_which_size_does_not_matter_are_refused(chinchilla_runs):
    rng = np.random.default_rng(0)
    runs = [
        replace(r, loss=5 * r.flops**-0.02 * np.exp(0.01 * rng.normal())) for r in chinchilla_runs(n_sizes=12)
    ]
    with pytest.raises(FitError, match="no optimum shows"):
        fit_law(runs)


def test_minima_beyond_the_sizes_trained_make_the_law_unreliable(chinchilla_runs):
    inside = chinchilla_runs(noise=0.002, budgets=np.geomspace(1e17, 1e18, 2))
    beyond = chinchilla_runs(noise=0.002, budgets=np.geomspace(3e18, 1e20, 4), shift=20.0)
    law = fit_law([replace(r, run_id=str(i)) for i, r in enumerate([*inside, *beyond])])
    assert law.status == "unreliable"
    assert "minimum-at-edge" in codes(law, "error")


def test_few_budgets_and_few_sizes_are_found_out(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.001, budgets=np.geomspace(1e17, 1e18, 4), n_sizes=4))
    assert {"few-budgets", "few-sizes-per-budget"} <= codes(law, "warning")


def test_simulated_runs_mark_the_law(chinchilla_runs):
    assert "simulated" not in codes(fit_law(chinchilla_runs(noise=0.002)))
    simulated = [replace(r, origin="simulated") for r in chinchilla_runs(noise=0.002)]
    assert "simulated" in codes(fit_law(simulated), "warning")


def test_failed_runs_are_counted_and_named(chinchilla_runs):
    runs = list(chinchilla_runs(noise=0.002))
    runs[30] = replace(runs[30], status="diverged", loss=None, reason="loss is NaN")
    (finding,) = [f for f in fit_law(runs).findings if f.code == "excluded-runs"]
    assert finding.message == "1 of 63 runs take no part: run 030 (diverged: loss is NaN)."


@settings(max_examples=2, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(chinchilla_runs, random):
    runs = list(chinchilla_runs(noise=0.003))
    straight = fit_law(runs).to_json()
    random.shuffle(runs)
    assert fit_law(runs).to_json() == straight


@pytest.mark.parametrize(("of_n", "of_d"), [(1e-6, 1.0), (1.0, 1e-3)])
def test_units_of_parameters_and_data_leave_the_answer_where_it_is(chinchilla_runs, of_n, of_d):
    runs = chinchilla_runs(noise=0.003)
    scaled = [replace(r, n_params=r.n_params * of_n, n_units=r.n_units * of_d) for r in runs]
    plain, other = (fit_law(table).headline for table in (runs, scaled))
    assert other.exponent_at_top.value == pytest.approx(plain.exponent_at_top.value, abs=1e-6)
    assert other.optimum(1e20).n_params.value == pytest.approx(
        plain.optimum(1e20).n_params.value * of_n, rel=1e-6
    )
    assert other.optimum(1e20).loss.value == pytest.approx(plain.optimum(1e20).loss.value, rel=1e-8)


def test_every_interval_of_the_valley_holds_its_estimate(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.005)).headline
    assert isinstance(law, ValleyLaw)
    assert law.exponent_at_top.value in law.exponent_at_top.interval
    for flops in np.geomspace(1e15, 1e22, 8):
        optimum = law.optimum(flops)
        assert optimum.n_params.value in optimum.n_params.interval
        assert optimum.loss.value in optimum.loss.interval


any_number = st.one_of(st.none(), st.floats(), st.floats(1e-3, 1e15), st.sampled_from([1e6, 2e6, 4e6]))


@settings(max_examples=15)
@given(st.lists(st.tuples(any_number, any_number, any_number, any_number), max_size=30))
def test_whatever_the_numbers_only_our_own_errors_are_raised(rows):
    def run(i, budget, n_params, n_units, loss):
        n_params, n_units = n_params or 1e6, n_units or 1e8
        flops = 6 * n_params * n_units
        return RunRecord(
            run_id=str(i),
            budget=budget,
            size="",
            seed=0,
            n_params=n_params,
            n_params_nonembedding=None,
            n_units=n_units,
            flops=flops,
            flops_6nd=flops,
            loss=loss,
        )

    try:
        optimum = fit_law([run(i, *row) for i, row in enumerate(rows)]).headline.optimum(1e18)
    except FlopsFitError:
        return
    assert optimum.n_params.value in optimum.n_params.interval
