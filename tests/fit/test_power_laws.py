from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import fit_law, law_from_json
from flops_fit.fit.points import points_of
from flops_fit.fit.power_laws import fit_power_laws, saturating


def test_exact_runs_give_the_power_laws_of_their_surface(chinchilla_runs, true_optimum):
    """Hoffmann et al. 2022, equation 4: N* and D* are power laws and L* is E + K/C^g."""
    laws = fit_power_laws(points_of(chinchilla_runs(n_sizes=25)))
    alpha, beta = 0.3478, 0.3658
    assert laws.n_params.exponent == pytest.approx(beta / (alpha + beta), abs=0.01)
    assert laws.n_units.exponent == pytest.approx(alpha / (alpha + beta), abs=0.01)
    assert laws.n_params.at(1e18) == pytest.approx(true_optimum(1e18), rel=0.03)
    assert 6 * laws.n_params.at(1e18) * laws.n_units.at(1e18) == pytest.approx(1e18, rel=0.01)
    assert laws.loss.floor == pytest.approx(1.8172, rel=0.01)
    assert laws.loss.exponent == pytest.approx(-alpha * beta / (alpha + beta), rel=0.02)
    assert min(law.r_squared for law in (laws.n_params, laws.n_units, laws.loss)) > 0.999


def test_they_are_fitted_in_linear_space_where_the_largest_budgets_count_most():
    flops = np.geomspace(1e17, 1e20, 7)
    losses = 2 + 500 * flops**-0.15
    losses[0] *= 1.001
    law = saturating("L*", flops, losses)
    assert law.at(flops)[1:] == pytest.approx(losses[1:], rel=5e-4)
    assert 0.999 < law.r_squared < 1


def test_a_loss_that_does_not_level_off_has_no_floor():
    law = saturating("L*", np.geomspace(1e17, 1e20, 7), 500 * np.geomspace(1e17, 1e20, 7) ** -0.15)
    assert law.floor == pytest.approx(0, abs=0.01)
    assert law.exponent == pytest.approx(-0.15, rel=0.02)


def test_three_budgets_leave_nothing_to_judge_the_loss_by(chinchilla_runs):
    laws = fit_power_laws(points_of(chinchilla_runs(budgets=np.geomspace(1e17, 1e19, 3))))
    assert laws.loss.r_squared is None
    assert "R²" not in laws.loss.sentence
    assert laws.n_params.r_squared is not None


def test_fewer_than_three_minima_make_no_power_law(chinchilla_runs):
    assert fit_power_laws(points_of(chinchilla_runs(budgets=np.array([1e17, 1e19])))) is None
    assert fit_power_laws(points_of(chinchilla_runs(shift=20.0))) is None


def test_a_law_keeps_them_and_says_them_in_a_sentence(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002))
    assert law_from_json(law.to_json()).power_laws == law.power_laws
    assert law.power_laws.n_params.sentence.startswith("N*(C) = ")
    assert law.power_laws.loss.sentence.endswith(" over 7 budgets.")


def test_budgets_without_a_minimum_take_no_part_and_it_is_said_why(chinchilla_runs):
    runs = chinchilla_runs(budgets=np.geomspace(1e17, 1e20, 5))
    budgets = sorted({run.budget for run in runs})
    n_seen = dict.fromkeys(budgets, 0)
    kept = []
    for run in sorted(runs, key=lambda run: run.n_params):
        n_seen[run.budget] += 1
        few, edge = run.budget == budgets[0], run.budget == budgets[1]
        if not (few and n_seen[run.budget] > 3) and not (edge and n_seen[run.budget] > 4):
            kept.append(run)
    laws = fit_power_laws(points_of(kept))
    assert [(b.flops, b.reason) for b in laws.left_out] == [
        (pytest.approx(budgets[0]), "fewer than 4 sizes"),
        (pytest.approx(budgets[1]), "least loss at the first or last size"),
    ]
    assert laws.about_budgets.startswith("3 of 5 budgets take part; not 1e+17 (fewer than 4 sizes); ")
    assert fit_power_laws(points_of(runs)).about_budgets == "All 5 budgets take part."
    assert replace(laws, left_out=None).about_budgets == "3 budgets take part."
