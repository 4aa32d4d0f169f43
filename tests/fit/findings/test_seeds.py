from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.findings.seeds import about_seeds


def with_seeds(runs, n_seeds=3, *, noise=0.002, of_cell=0.0, seed=0):
    rng = np.random.default_rng(seed)
    for r in runs:
        shared = of_cell * rng.normal()
        for i in range(n_seeds):
            loss = r.loss * np.exp(shared + noise * rng.normal())
            yield replace(r, run_id=f"{r.run_id}.{i}", seed=i, loss=loss)


@pytest.mark.parametrize("kind", ["valley", "surface"])
def test_scatter_beyond_that_of_seeds_is_found_and_its_absence_too(kind, valley, surface, chinchilla_runs):
    fit = {"valley": valley, "surface": surface}[kind]
    runs = chinchilla_runs(n_sizes=11)
    finding = fit(list(with_seeds(runs, of_cell=0.004))).by(about_seeds)["more-than-seeds"]
    assert finding.severity == "info"
    assert float(finding.message.split("by ")[1].split("%")[0]) == pytest.approx(0.4, abs=0.1)
    assert "more-than-seeds" not in fit(list(with_seeds(runs))).by(about_seeds)


def test_few_repeats_say_nothing(surface, chinchilla_runs):
    runs = [*with_seeds(chinchilla_runs(n_sizes=11), 1, of_cell=0.01)]
    repeats = [replace(r, run_id=f"{r.run_id} again", loss=r.loss * 1.0001) for r in runs[:7]]
    assert "more-than-seeds" not in surface([*runs, *repeats]).by(about_seeds)


def test_seeds_that_differ_by_more_than_the_valley_is_deep_are_warned_of(valley, chinchilla_runs):
    runs = chinchilla_runs(n_sizes=11)
    finding = valley(list(with_seeds(runs, noise=0.05))).by(about_seeds)["noisy-seeds"]
    assert finding.value > finding.threshold == 0.5
    assert finding.message.startswith("Runs of the same N and D differ by more than half the depth")
    assert "noisy-seeds" not in valley(list(with_seeds(runs))).by(about_seeds)


def test_only_the_noisy_budget_is_named(valley, chinchilla_runs):
    runs = chinchilla_runs(n_sizes=11)
    noisy = [*with_seeds(runs[:11], noise=0.05), *with_seeds(runs[11:])]
    assert "at 1e+17 FLOPs:" in valley(noisy).by(about_seeds)["noisy-seeds"].message
