"""The valley on simulated truth, and against the numeric reference where that lies beside the checkout."""

import functools
import importlib.util
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flops_fit.fit import options, scatter
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.points import points_of
from flops_fit.fit.valley import fit_valley
from flops_fit.fit.valley_law import fit_valley_law

PUBLIC = [
    ("epoch_chinchilla", "epoch_chinchilla"),
    ("llama_3", "llama_3"),
    ("ml_scalefit_chinchilla", "ml_scalefit_chinchilla"),
    ("porian_owt2", "porian_owt2_base_long_kaplan_kaplan"),
    ("porian_owt2", "porian_owt2_tuned_short_const_standard"),
]


@pytest.fixture(scope="module")
def reference(root):
    """The numeric reference of the valley model, an independently written program."""
    beside = root.parent / "shared" / "design" / "valley_reference.py"
    path = Path(os.environ.get("FLOPS_FIT_REFERENCE", beside))
    if not path.exists():
        pytest.skip(f"no {path.name} in FLOPS_FIT_REFERENCE or beside the checkout")
    pytest.importorskip("pandas", reason="the reference reads tables with pandas")
    spec = importlib.util.spec_from_file_location("valley_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def refitted(reference, public_runs):
    """Fit the reference to a public table, once each."""
    import pandas as pd

    @functools.cache
    def fit(name, source):
        runs = public_runs(name, source=source)
        columns = {"N": "n_params", "D": "n_units", "C": "flops", "loss": "loss", "group": "budget"}
        table = pd.DataFrame({key: [getattr(r, name) for r in runs] for key, name in columns.items()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reference.fit(table)

    return fit


@pytest.mark.parametrize(("name", "source"), PUBLIC, ids=[source for _, source in PUBLIC])
def test_without_what_goes_beyond_it_intervals_equal_those_of_the_reference(
    public_runs, refitted, monkeypatch, name, source
):
    """The reference knows no drift that grows downwards, no repeats, and never doubts its priors."""
    monkeypatch.setattr(scatter, "FEWEST_REPEATS", np.inf)
    monkeypatch.setattr(options, "GROWTHS", (0.0,))
    monkeypatch.setattr(options, "ODD_SLOPE", 1e-300)
    runs = public_runs(name, source=source)
    theirs, ours = refitted(name, source), fit_valley_law(points_of(runs))
    for ahead in (1, 10, 100):
        flops = ours.flops_range[1] * ahead
        expected, optimum = theirs.predict(flops), ours.optimum(flops)
        for key, estimate in (("N", optimum.n_params), ("L", optimum.loss)):
            width = np.log(expected[f"{key}_hi"] / expected[f"{key}_lo"])
            shown = np.log([estimate.value, estimate.interval.low, estimate.interval.high])
            wanted = np.log([expected[key], expected[f"{key}_lo"], expected[f"{key}_hi"]])
            assert shown == pytest.approx(wanted, abs=0.01 * width)


def test_a_noise_free_sweep_gives_the_true_optimum_at_trained_budgets_and_beyond(
    chinchilla_runs, true_optimum
):
    law = fit_valley_law(points_of(chinchilla_runs()))
    for flops in (1e17, 1e18, 1e19, 1e20):
        optimum = law.optimum(flops)
        assert optimum.n_params.value == pytest.approx(true_optimum(flops), rel=0.03)
        assert true_optimum(flops) in optimum.n_params.interval


def test_exponents_at_the_top_and_over_the_whole_range_are_told_apart(public_runs):
    law = fit_valley_law(points_of(public_runs("epoch_chinchilla")))
    assert 0.47 < law.exponent_whole_range.value < 0.55
    assert law.exponent_at_top.value < law.exponent_whole_range.value - 0.05


def test_inside_the_trained_range_the_answer_follows_the_budgets(public_runs):
    law = fit_valley_law(points_of(public_runs("epoch_chinchilla")))
    for minimum in law.minima:
        assert minimum.n_params in law.optimum(minimum.flops).n_params.interval


def test_where_the_optimum_bends_the_answer_bends_and_both_exponents_are_told(chinchilla_runs, true_optimum):
    """N* grows as C^0.7 at the lowest budget and as C^0.3 at the top."""
    budgets = np.geomspace(1e17, 1e20, 9)
    t = np.log(budgets / budgets[-1])
    log_n = np.log(1e9) + 0.3 * t + 0.4 * t**2 / (2 * t[0])
    moved = dict(zip(budgets.tolist(), np.exp(log_n), strict=True))
    runs = [
        _around(run, moved[run.budget], true_optimum(run.budget))
        for run in chinchilla_runs(budgets=budgets, noise=0.001)
    ]
    law = fit_valley_law(points_of(runs))
    assert law.exponent_at_top.value == pytest.approx(0.3, abs=0.06)
    assert law.exponent_whole_range.value == pytest.approx(np.polyfit(t, log_n, 1)[0], abs=0.03)
    assert law.exponent_whole_range.value > law.exponent_at_top.interval.high
    inner = [np.log(law.optimum(float(c)).n_params.value) for c in budgets[:-1]]
    assert inner == pytest.approx(log_n[:-1], abs=0.06)
    line_at_the_top = log_n[-1] + law.exponent_at_top.value * t[:4]
    assert (np.abs(inner[:4] - log_n[:4]) < 0.2 * np.abs(line_at_the_top - log_n[:4])).all()


def _around(run, best, was):
    """Move a run to the same distance from another optimum, at the same loss."""
    size = best * run.n_params / was
    return replace(run, n_params=size, n_units=run.flops / 6 / size)


def test_loss_off_the_valley_is_that_of_the_surface(chinchilla_runs, true_optimum):
    law = fit_valley_law(points_of(chinchilla_runs()))
    E, A, B, alpha, beta = 1.8172, 482.01, 2085.43, 0.3478, 0.3658
    for away in (0.5, 2.0):
        n_params = true_optimum(3e18) * away
        n_units = 3e18 / 6 / n_params
        truth = E + A * n_params**-alpha + B * n_units**-beta
        estimate = law.loss_at(n_params, n_units)
        assert estimate.value == pytest.approx(truth, rel=0.01)
        assert truth in estimate.interval


def test_loss_intervals_widen_away_from_the_valley(chinchilla_runs, true_optimum):
    law = fit_valley_law(points_of(chinchilla_runs(noise=0.003)))

    def relative_width(away):
        n_params = true_optimum(1e19) * away
        estimate = law.loss_at(n_params, 1e19 / 6 / n_params)
        return (estimate.interval.high - estimate.interval.low) / estimate.value

    assert relative_width(1) < relative_width(4) < relative_width(16)


def test_the_walls_of_the_valley_go_on_straight_far_from_the_optimum(chinchilla_runs):
    valley = fit_valley(budgets_of(points_of(chinchilla_runs())))
    top = np.log(1e19)
    far = valley.minimum(top).log_n.mean + np.array([3.0, 4.0, 5.0])
    rise = np.diff(valley.log_loss(far, top))
    assert rise[0] == pytest.approx(rise[1], rel=1e-6)


@pytest.mark.parametrize(("name", "source"), PUBLIC, ids=[source for _, source in PUBLIC])
def test_what_goes_beyond_the_reference_moves_answers_by_little(public_runs, refitted, name, source):
    runs = public_runs(name, source=source)
    theirs, ours = refitted(name, source), fit_valley_law(points_of(runs))
    for ahead in (1, 10):
        expected, optimum = (
            theirs.predict(ours.flops_range[1] * ahead),
            ours.optimum(ours.flops_range[1] * ahead),
        )
        assert expected["N_lo"] < optimum.n_params.value < expected["N_hi"]
        assert expected["L_lo"] < optimum.loss.value < expected["L_hi"]


def test_a_steep_loss_is_recovered_within_its_interval_whatever_published_sweeps_suggest(chinchilla_runs):
    toy = (0.0, 3e3, 1e5, 0.6, 0.6)
    law = fit_valley_law(
        points_of(chinchilla_runs(theta=toy, budgets=np.geomspace(1e13, 1e15, 7), noise=0.005))
    )
    assert -0.3 in law.loss_slope_at_top.interval
    ahead = 1e17
    half = ((3e3 * 1e5) ** 0.5) * 2 * (ahead / 6) ** -0.3
    assert half in law.optimum(ahead).loss.interval


def test_budgets_are_named_as_they_were_given(chinchilla_runs):
    budgets = np.array([3e8, 1e9, 3e9, 1e10, 3e10]) * 1e8
    law = fit_valley_law(points_of(chinchilla_runs(budgets=budgets)))
    assert [m.flops for m in law.minima] == budgets.tolist()
    assert law.flops_range == (budgets[0], budgets[-1])
