import re
from dataclasses import replace

from flops_fit.fit.findings.outliers import about_outliers


def spoilt(runs, which, factor=1.1):
    return [replace(r, loss=r.loss * (factor if i in which else 1)) for i, r in enumerate(runs)]


def test_an_ignored_run_is_named_with_its_distance_and_weight(surface, clean, clean_surface):
    finding = surface(spoilt(clean, {30})).by(about_outliers)["outliers"]
    assert finding.severity == "info"
    assert finding.message.startswith("Off the fit and ignored: 1 of 77 runs: run 030 (N = ")
    assert " at 4.64e+17 FLOPs, +9." in finding.message
    assert finding.message.endswith("%, weight 0).")
    assert "outliers" not in clean_surface.by(about_outliers)


def test_so_is_one_near_the_minimum_of_its_budget(valley, clean, clean_valley):
    middle_of_a_budget = 3 * 11 + 5
    finding = valley(spoilt(clean, {middle_of_a_budget})).by(about_outliers)["outliers"]
    assert re.search(r"ignored: 1 of \d\d runs around the minima of budgets: ", finding.message)
    assert f"run {middle_of_a_budget:03} (N = 8.05e+07 at 1e+18 FLOPs, +" in finding.message
    assert "outliers" not in clean_valley.by(about_outliers)


def test_a_line_of_a_table_is_named_without_its_size_and_what_diverged_in_times(surface, clean):
    table = [replace(r, origin="imported") for r in clean]
    assert ": run 030 (+9." in surface(spoilt(table, {30})).by(about_outliers)["outliers"].message
    diverged = surface(spoilt(table, {30}, factor=9e5)).by(about_outliers)["outliers"]
    assert ": run 030 (9e+05 times, weight 0)" in diverged.message


def test_runs_that_are_all_too_high_look_diverged(surface, clean):
    one_sided = surface(spoilt(clean, {5, 20, 35, 50})).by(about_outliers)["outliers"]
    assert "Nearly all are too high" in one_sided.message
    both = spoilt(spoilt(clean, {5, 20, 35}), {50, 61}, factor=0.9)
    assert "Nearly all" not in surface(both).by(about_outliers)["outliers"].message


def test_more_than_a_tenth_of_the_runs_is_a_warning(surface, chinchilla_runs):
    runs = chinchilla_runs(noise=0.002, n_sizes=15)
    found = surface(spoilt(runs, set(range(0, 105, 7)))).by(about_outliers)
    assert found["many-outliers"].severity == "warning"
    assert found["many-outliers"].value > found["many-outliers"].threshold == 0.1
    assert "outliers" not in found
