from dataclasses import replace

import numpy as np

from flops_fit.fit.findings.minima import about_minima


def test_sizes_on_one_side_of_the_optimum_only_are_an_error(valley, chinchilla_runs, clean_valley):
    finding = valley(chinchilla_runs(noise=0.002, shift=12.0)).by(about_minima)["minimum-at-edge"]
    assert finding.severity == "error"
    assert finding.action.startswith("train sizes below N = ")
    assert "minimum-at-edge" not in clean_valley.by(about_minima)


def test_a_fitted_optimum_near_the_last_size_counts_as_at_the_edge(valley, chinchilla_runs, true_optimum):
    """Without the sizes above the optimum of one budget, its own runs may still bend by chance."""
    runs = [
        r
        for r in chinchilla_runs(noise=0.002, n_sizes=11)
        if not (np.isclose(r.flops, 1e18) and r.n_params > 1.1 * true_optimum(1e18))
    ]
    finding = valley(runs).by(about_minima)["minimum-at-edge"]
    assert (finding.severity, finding.value) == ("warning", 1)
    assert "at 1e+18 FLOPs" in finding.message
    largest = max(r.n_params for r in runs if np.isclose(r.flops, 1e18))
    assert finding.action == (
        f"train sizes above N = {largest:.3g} at 1e+18 FLOPs; "
        "a sweep reaches larger sizes by a smaller design.units_per_param or a larger design.window"
    )


def test_a_side_that_rests_on_one_size_is_mentioned(valley, chinchilla_runs, true_optimum, clean_valley):
    runs = [
        r
        for r in chinchilla_runs(noise=0.002, n_sizes=10)
        if not (np.isclose(r.flops, 1e18) and r.n_params > 1.7 * true_optimum(1e18))
    ]
    found = valley(runs).by(about_minima)
    assert found["one-sided"].severity == "info"
    assert found["one-sided"].action.startswith("train more sizes above N = ")
    assert "one-sided" not in clean_valley.by(about_minima)


def test_one_flat_budget_is_mentioned_and_several_are_warned_of(valley, chinchilla_runs, clean_valley):
    rng = np.random.default_rng(0)

    def flattened(budgets):
        for r in chinchilla_runs(noise=0.002, n_sizes=11):
            flat = any(np.isclose(r.flops, budget) for budget in budgets)
            yield replace(r, loss=3.0 * np.exp(0.003 * rng.normal()) if flat else r.loss)

    one, two = np.geomspace(1e17, 1e19, 7)[[2, 4]]
    assert valley(list(flattened([one]))).by(about_minima)["flat-budget"].severity == "info"
    several = valley(list(flattened([one, two]))).by(about_minima)["flat-budget"]
    assert several.severity == "warning"
    assert several.action.startswith("train more seeds, or larger budgets")  # a factor of 64 between sizes
    assert "flat-budget" not in clean_valley.by(about_minima)
