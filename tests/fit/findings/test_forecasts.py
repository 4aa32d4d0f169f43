from dataclasses import replace

import numpy as np

from flops_fit.fit.findings.forecasts import about_forecasts
from flops_fit.fit.forms import Kappa

LARGER_MODELS_LEARN_FASTER = (
    1.8172,
    482.01,
    2085.43,
    0.3478,
    0.3658 * (1 - 0.015 * np.log(3e8)),
    0.3658 * 0.015,
)


def test_a_top_budget_that_was_trained_otherwise_fails_the_backtest(surface, valley, clean):
    top = max(r.flops for r in clean)
    spoilt = [replace(r, loss=r.loss * (1.03 if r.flops == top else 1)) for r in clean]
    finding = surface(spoilt).by(about_forecasts)["failed-backtest"]
    assert finding.message.startswith(
        "Fitted without the 11 runs of most compute, 'chinchilla' misses them by +"
    )
    assert "failed-backtest" in valley(spoilt).by(about_forecasts)


def test_so_does_a_form_that_is_wrong(surface, runs_on):
    runs = runs_on(Kappa(), np.array(LARGER_MODELS_LEARN_FASTER), n_sizes=10, noise=0.001)
    assert "failed-backtest" in surface(runs).by(about_forecasts)
    assert "failed-backtest" not in surface(runs, Kappa()).by(about_forecasts)


def test_a_sweep_of_one_kind_passes_it(clean_valley, clean_surface):
    assert "failed-backtest" not in clean_valley.by(about_forecasts)
    assert "failed-backtest" not in clean_surface.by(about_forecasts)


def test_a_table_without_budgets_is_split_by_compute(surface, clean):
    rng = np.random.default_rng(0)
    scattered = [replace(r, budget=None, flops=r.flops * rng.uniform(0.7, 1.4)) for r in clean]
    scattered = [replace(r, flops=6 * r.n_params * r.n_units) for r in scattered]
    edge = np.quantile([r.flops for r in scattered], 0.8)
    spoilt = [replace(r, loss=r.loss * (1.03 if r.flops > edge else 1)) for r in scattered]
    assert "failed-backtest" not in surface(scattered).by(about_forecasts)
    assert "failed-backtest" in surface(spoilt).by(about_forecasts)
