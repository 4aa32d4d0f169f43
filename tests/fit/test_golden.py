"""Published results on public tables, reproduced by default within the tolerances of the tables' notes."""

import numpy as np
import pytest

from flops_fit.fit import fit_law
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.interpolated import interpolated_minima, weighted_line
from flops_fit.fit.methods import methods_of_budgets
from flops_fit.fit.points import points_of
from flops_fit.result import ScalingResult

PORIAN = {
    "base_long_kaplan_kaplan": (0.864, 0.870, 0.01),
    "base_long_kaplan_standard": (0.699, 0.700, 0.02),
    "base_short_kaplan_standard": (0.603, 0.602, 0.01),
    "base_short_chinchilla_standard": (0.574, 0.569, 0.01),
    "tuned_short_const_standard": (0.518, 0.518, 0.01),
}
"""Exponents of N*, weighted and not, stored by Porian et al. 2024, arXiv:2406.19146, and our tolerance."""


@pytest.mark.parametrize("setting", PORIAN)
def test_interpolation_gives_the_exponents_of_porian_and_others(public_runs, setting):
    weighted, plain, tolerance = PORIAN[setting]
    runs = public_runs("porian_owt2", source=f"porian_owt2_{setting}", used_by_authors="True")
    minima = interpolated_minima(budgets_of(points_of(runs)))
    unweighted = np.polyfit(np.log([m.flops for m in minima]), [m.log_n for m in minima], 1)[0]
    assert weighted_line(minima).convert().coef[1] == pytest.approx(weighted, abs=tolerance)
    assert unweighted == pytest.approx(plain, abs=min(tolerance, 0.005))


@pytest.fixture(scope="module")
def chinchilla_figure(public_runs):
    """The law of all 245 points of the Chinchilla figure, five bad ones among them."""
    return fit_law(public_runs("epoch_chinchilla"))


def test_the_exponent_of_the_chinchilla_figure_is_that_of_besiroglu_without_naming_bad_rows(
    chinchilla_figure,
):
    """Besiroglu et al. 2024, arXiv:2404.10102: .513 with a standard error of .020, on 240 of the rows."""
    assert 0.47 <= chinchilla_figure.headline.exponent_whole_range.value <= 0.55


def test_predictions_two_decades_apart_grow_with_the_same_exponent(chinchilla_figure):
    result = ScalingResult(chinchilla_figure)
    low, high = (result.predict(flops).n_params for flops in (1e19, 1e21))
    assert 0.47 <= np.log(high / low) / np.log(100) <= 0.55


@pytest.fixture(scope="module")
def llama(public_runs):
    return fit_law(public_runs("llama_3"))


def test_parabolas_give_the_token_exponent_that_llama_3_printed(llama):
    """Dubey et al. 2024, arXiv:2407.21783, figure 3: D* grows as C^.53."""
    low, high = methods_of_budgets()["parabola"](llama.points).optima(np.array([1e19, 1e21]))[0]
    assert 1 - np.log(high / low) / np.log(100) == pytest.approx(0.535, abs=0.006)
    assert 1 - llama.headline.exponent_whole_range.value == pytest.approx(0.535, abs=0.01)


def test_the_surface_gives_another_and_the_disagreement_is_reported(llama):
    assert 1 - llama.second.exponent_whole_range.value == pytest.approx(0.473, abs=0.01)
    (finding,) = [f for f in llama.findings if f.code == "unstable"]
    assert finding.severity == "warning"
    assert "'chinchilla' puts N* at 1.6 times that of 'valley', outside its interval" in finding.message
