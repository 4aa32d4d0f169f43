import numpy as np
import pytest

from flops_fit.fit.findings.grid import about_grid


def test_less_than_a_decade_of_compute_is_warned_of(valley, chinchilla_runs):
    found = valley(chinchilla_runs(noise=0.001, budgets=np.geomspace(1e17, 5e17, 7))).by(about_grid)
    assert found["narrow-span"].message == (
        "The budgets span a factor of 5; below a decade exponents are loose."
    )
    assert found["narrow-span"].action == "reach from 1e+17 to at least 1e+18 FLOPs"


@pytest.mark.parametrize(("n_budgets", "severity"), [(3, "error"), (4, "warning"), (6, "warning"), (7, None)])
def test_fewer_than_seven_budgets_are_warned_of_and_three_are_an_error(
    valley, chinchilla_runs, n_budgets, severity
):
    found = valley(chinchilla_runs(noise=0.002, budgets=np.geomspace(1e17, 1e19, n_budgets))).by(about_grid)
    assert (found["few-budgets"].severity if severity else found.get("few-budgets")) == severity


def test_sizes_too_few_to_place_a_minimum_are_named(valley, chinchilla_runs, clean_valley):
    found = valley(chinchilla_runs(noise=0.001, n_sizes=4)).by(about_grid)
    assert found["few-sizes-per-budget"].message.startswith("Fewer than 5 sizes at 1e+17, ")
    assert "few-sizes-per-budget" not in clean_valley.by(about_grid)


def test_sizes_too_close_together_show_no_valley(valley, chinchilla_runs, clean_valley):
    found = valley(chinchilla_runs(noise=0.0002, window=1.5)).by(about_grid)
    assert found["narrow-sizes"].value < np.log(2)
    assert "narrow-sizes" not in clean_valley.by(about_grid)
