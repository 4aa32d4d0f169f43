from dataclasses import replace

import numpy as np

from flops_fit.fit import fit_law
from flops_fit.fit.competition import Rival
from flops_fit.fit.findings.forecasts import about_backtest, about_forecasts
from flops_fit.fit.forms import Bounded, Kappa
from flops_fit.fit.mixture_law import MixtureLaw

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
        "Fitted without the 11 runs of most compute, 'chinchilla' misses them by "
    )
    assert "% with signs), more than noise can (p = " in finding.message
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


def missed(name: str, by: float) -> Rival:
    """A method that missed ln loss by so much on average, where no change missed by .5."""
    return Rival(
        name=name, n_params=(1e8, 1e9), loss=(3.0, 2.5), backtest_loss=by, unchanged_loss=0.5, n_origins=3
    )


def test_forecasts_that_missed_by_far_are_a_warning_and_worse_than_none_an_error(clean_surface):
    law = clean_surface.law
    assert not [*about_backtest(law, [missed("chinchilla", by=0.05), missed("valley", by=0.6)])]
    (warning,) = about_backtest(law, [missed("chinchilla", by=0.3)])
    (error,) = about_backtest(law, [missed("chinchilla", by=0.6)])
    assert (warning.code, warning.severity) == ("failed-backtest", "warning")
    assert (error.code, error.severity) == ("failed-backtest", "error")
    assert error.action.startswith(
        "first make sure that all runs are of one kind (data, loss, units); then do"
    )
    assert warning.action.startswith("believe it near the largest runs only")
    assert "'chinchilla' missed them by 60.00% on average" in error.message
    assert "stay as low as the best one seen missed by 50.00%" in error.message


def test_an_average_is_judged_by_the_best_of_its_members(clean_surface):
    mixture = MixtureLaw(members=(clean_surface.law,), weights=np.ones(1))
    (finding,) = about_backtest(mixture, [missed("chinchilla", by=0.3), missed("valley", by=0.01)])
    assert "'chinchilla' missed them by 30.00%" in finding.message
    second = replace(clean_surface.law, form=Kappa())
    both = MixtureLaw(members=(clean_surface.law, second), weights=np.full(2, 0.5))
    assert not [*about_backtest(both, [missed("chinchilla", by=0.3), missed("kappa", by=0.01)])]


def test_a_public_table_that_failed_its_backtest_says_so_once_and_is_unreliable(public_runs):
    law = fit_law(public_runs("vision_imagenet", group="ResNet"), Bounded())
    (finding,) = [f for f in law.findings if f.code == "failed-backtest"]
    assert finding.severity == "error"
    assert "missed them by 62.1" in finding.message
    assert law.status == "unreliable"
