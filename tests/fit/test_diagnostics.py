from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law


def found(law):
    return {f.code: f for f in law.findings}


def test_a_good_sweep_has_nothing_to_warn_of(chinchilla_runs):
    runs = chinchilla_runs(noise=0.002, n_sizes=11)
    assert {f.severity for f in fit_law(runs).findings} == {"info"}


def test_an_interval_of_n_wider_than_a_factor_four_is_an_error(chinchilla_runs):
    finding = found(fit_law(chinchilla_runs(noise=0.08, window=3.0)))["undetermined-size"]
    assert finding.severity == "error"
    assert finding.message.startswith("N* is known only within a factor")


def test_less_than_a_decade_of_compute_is_warned_of(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.001, budgets=np.geomspace(1e17, 5e17, 7)))
    assert (
        found(law)["short-range"].message
        == "Budgets span a factor 5.0 of compute; an exponent needs a decade."
    )


def test_budgets_that_were_inferred_are_said_to_be(chinchilla_runs):
    assert "inferred-budgets" in found(fit_law(chinchilla_runs(noise=0.002, named=False)))
    assert "inferred-budgets" not in found(fit_law(chinchilla_runs(noise=0.002)))


def test_a_third_of_the_runs_off_their_curve_is_an_error(chinchilla_runs):
    runs = [
        replace(r, loss=r.loss * (1.3 if i % 3 == 1 else 1))
        for i, r in enumerate(chinchilla_runs(n_sizes=15))
    ]
    assert found(fit_law(runs))["many-outliers"].severity in {"warning", "error"}


def test_a_parameter_on_its_bound_is_named(chinchilla_runs):
    below_zero = (-0.5, 482.01, 2085.43, 0.3478, 0.3658)
    law = fit_law(chinchilla_runs(theta=below_zero, noise=0.002), Chinchilla())
    assert found(law)["parameter-on-bound"].message == "E of 'chinchilla' ended on a bound: not determined."


@pytest.mark.parametrize("counted", [True, False])
def test_compute_that_is_6nd_is_said_to_be(chinchilla_runs, counted):
    runs = [replace(r, flops=r.flops * (1.1 if counted else 1)) for r in chinchilla_runs(noise=0.002)]
    assert ("compute-is-6nd" in found(fit_law(runs))) is not counted


def test_compute_of_one_pass_instead_of_the_run_is_found_out(chinchilla_runs):
    runs = [replace(r, flops=r.flops / 100, budget=r.budget / 100) for r in chinchilla_runs(noise=0.002)]
    assert found(fit_law(runs))["too-little-compute"].message.startswith(
        "The compute of the runs is 0.01 of 6·N·D"
    )


def test_models_of_one_size_and_different_flops_are_found_out(chinchilla_runs):
    runs = [
        replace(r, flops=r.flops * (1, 2, 0.5)[i % 3], budget=None) for i, r in enumerate(chinchilla_runs())
    ]
    assert "mixed-architectures" in found(fit_law(runs))


def test_findings_come_with_the_gravest_first(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002, shift=20.0, n_sizes=4))
    order = [("error", "warning", "info").index(f.severity) for f in law.findings]
    assert order == sorted(order)
    assert order[0] == 0
