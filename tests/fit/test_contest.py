import numpy as np
import pytest

from flops_fit.fit.contest import hold_contest
from flops_fit.fit.forms import Bounded, Chinchilla, Kappa
from flops_fit.fit.methods import method_of_form, methods_of_budgets
from flops_fit.fit.points import points_of
from flops_fit.fit.rolling import Entrant, rolling_misses


def test_where_budgets_exist_methods_of_budgets_compete_with_surfaces(chinchilla_runs):
    contest = hold_contest(points_of(chinchilla_runs(noise=0.002)))
    assert list(contest.fitted) == ["chinchilla", "ces", "kappa", "valley", "parabola", "interpolated"]
    assert contest.weights.keys() == contest.bics.keys() == {"chinchilla", "ces", "kappa"}
    assert sum(contest.weights.values()) == pytest.approx(1)


def test_a_form_that_was_asked_for_competes_too(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.002))
    assert "bounded" in hold_contest(points, Bounded(chance=8.0)).weights
    assert list(hold_contest(points, Kappa()).fitted).count("kappa") == 1


def test_power_laws_do_not_compete_for_error_rates(public_runs):
    points = points_of(public_runs("vision_imagenet", group="ResNet"))
    assert list(hold_contest(points, Bounded()).fitted) == ["bounded"]
    assert list(hold_contest(points, Chinchilla()).fitted) == ["chinchilla", "ces", "kappa", "gadre"]


def test_all_are_compared_with_a_forecast_that_nothing_changes(chinchilla_runs):
    contest = hold_contest(points_of(chinchilla_runs(noise=0.002)))
    assert np.all(contest.unchanged.log_loss > 5 * contest.misses["valley"].log_loss)
    assert np.isnan(contest.unchanged.log_n).all()
    assert contest.misses.keys() == contest.fitted.keys()


def test_bic_finds_the_form_that_made_the_runs(runs_on, chinchilla_runs):
    theta = np.array([1.8, 480.0, 2000.0, 0.35, -0.1, 0.027])
    bent = hold_contest(points_of(runs_on(Kappa(), theta, noise=0.001, n_sizes=15)))
    assert min(bent.bics, key=bent.bics.__getitem__) == "kappa"
    plain = hold_contest(points_of(chinchilla_runs(noise=0.003)))
    assert min(plain.bics, key=plain.bics.__getitem__) == "chinchilla"


def test_the_form_that_extrapolated_best_is_believed_most(runs_on):
    theta = np.array([1.8, 480.0, 2000.0, 0.35, -0.1, 0.027])
    runs = runs_on(Kappa(), theta, noise=0.0005, n_sizes=15)
    weights = hold_contest(points_of(runs)).weights
    assert max(weights, key=weights.__getitem__) == "kappa"
    assert weights["kappa"] > 0.5


def test_with_too_few_origins_bic_decides(chinchilla_runs):
    """Four budgets leave one origin, which is no evidence."""
    contest = hold_contest(points_of(chinchilla_runs(noise=0.003, budgets=np.geomspace(1e17, 1e19, 4))))
    assert {len(m.log_loss) for m in contest.misses.values()} == {1}
    ratio = np.exp((contest.bics["kappa"] - contest.bics["chinchilla"]) / 2)
    assert contest.weights["chinchilla"] / contest.weights["kappa"] == pytest.approx(ratio)


def test_every_origin_asks_for_runs_above_those_it_showed(public_runs):
    points = points_of(public_runs("gadre", source="gadre_rpj"))
    shown = []

    def spy(below):
        shown.append(float(below.flops.max()))
        return method_of_form(Chinchilla())(below)

    misses = rolling_misses(points, {"spy": Entrant(spy)}, by_budget=False)["spy"]
    assert shown == sorted(shown)
    assert max(shown) < points.flops.max()
    assert len(misses.log_loss) == len(shown) == 3
    assert np.isnan(misses.log_n).all()


def test_exact_runs_are_forecast_exactly(chinchilla_runs):
    points = points_of(chinchilla_runs(n_sizes=15))
    entrants = {"chinchilla": Entrant(method_of_form(Chinchilla()))}
    entrants |= {name: Entrant(method) for name, method in methods_of_budgets().items()}
    for name, misses in rolling_misses(points, entrants, by_budget=True).items():
        assert misses.log_loss.max() < 5e-3, name
        assert misses.log_n.max() < 0.05, name


def test_runs_that_do_not_count_are_not_shown(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.002))
    without = frozenset(points.run_ids[::3])
    shown = set()

    def spy(below):
        shown.update(below.run_ids)
        return method_of_form(Chinchilla())(below)

    rolling_misses(points, {"spy": Entrant(spy, without)}, by_budget=True)
    assert shown
    assert not shown & without
