from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.findings.identifiability import about_identifiability, condition_number

EPOCH = np.array([1.8172, 482.01, 2085.43, 0.3478, 0.3658])


def design(n_budgets, n_sizes, *, decades, window):
    flops, ratio = np.meshgrid(
        np.geomspace(1e17, 1e17 * 10**decades, n_budgets), np.geomspace(1 / window, window, n_sizes)
    )
    n_params = np.sqrt(flops / 120) * ratio
    return n_params.ravel(), (flops / (6 * n_params)).ravel()


@pytest.mark.parametrize(
    ("grid", "low", "high"),
    [
        ((7, 10, {"decades": 2.5, "window": 8}), 330, 740),
        ((4, 5, {"decades": 0.5, "window": 8}), 3_000, 6_000),
    ],
    ids=["wide", "half a decade"],
)
def test_designs_have_the_condition_they_are_known_for(grid, low, high):
    n_budgets, n_sizes, width = grid
    assert low < condition_number(EPOCH, *design(n_budgets, n_sizes, **width)) < high


def test_units_of_n_and_d_do_not_matter():
    n_params, n_units = design(7, 10, decades=2.5, window=8)
    E, A, B, alpha, beta = EPOCH
    in_millions = np.array([E, A * 1e-6**alpha, B * 1e-9**beta, alpha, beta])
    assert condition_number(in_millions, n_params * 1e-6, n_units * 1e-9) == pytest.approx(
        condition_number(EPOCH, n_params, n_units), rel=1e-6
    )


def test_nearly_one_ratio_of_data_to_parameters_is_found_out(surface, chinchilla_runs, clean_surface):
    rng = np.random.default_rng(0)
    runs = []
    for r in chinchilla_runs(noise=0.002, n_sizes=9):
        n_units = 20 * r.n_params * np.exp(0.15 * rng.normal())
        loss = 1.8172 + 482.01 * r.n_params**-0.3478 + 2085.43 * n_units**-0.3658
        flops = 6 * r.n_params * n_units
        runs.append(
            replace(r, n_units=n_units, flops=flops, budget=None, loss=loss * np.exp(0.002 * rng.normal()))
        )
    finding = surface(runs).by(about_identifiability)["ill-conditioned"]
    assert finding.severity in {"warning", "error"}
    assert finding.value > finding.threshold
    assert "ill-conditioned" not in clean_surface.by(about_identifiability)
