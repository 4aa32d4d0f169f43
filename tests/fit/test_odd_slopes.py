import re
from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.odd_slopes import about_slopes
from flops_fit.fit.points import points_of
from flops_fit.fit.valley_law import fit_valley_law

STEEP = (0.0, 3e3, 1e5, 0.6, 0.6)
"""A toy task without irreducible loss."""


def found(runs, loss_unit="unknown"):
    return {f.code: f for f in about_slopes(fit_valley_law(points_of(runs)), loss_unit)}


def test_a_loss_that_falls_as_published_ones_do_is_nothing_to_speak_of(chinchilla_runs):
    assert found(chinchilla_runs(noise=0.003)) == {}


def test_a_steep_loss_is_said_to_be_unlike_published_ones(chinchilla_runs):
    runs = chinchilla_runs(theta=STEEP, budgets=np.geomspace(1e13, 1e15, 7), noise=0.001)
    assert set(found(runs)) == {"unusual-loss-slope"}
    assert found(runs)["unusual-loss-slope"].severity == "info"
    slope = re.search(r"falls as C\^(-[\d.]+) at the top", found(runs)["unusual-loss-slope"].message)
    assert float(slope[1]) == pytest.approx(-0.3, abs=0.02)


def test_a_loss_that_rises_with_compute_is_said_to_and_leaves_nothing_to_believe(chinchilla_runs):
    scores = [replace(run, loss=run.loss * run.flops / 1e18) for run in chinchilla_runs(noise=0.001)]
    finding = found(scores)["unusual-loss-slope"]
    assert re.match(r"The loss rises as C\^0\.9\d at the top", finding.message)
    assert finding.severity == "error"
    assert "less is better" in finding.action


def test_an_exponent_beyond_one_is_said_to_be_unlike_published_ones(chinchilla_runs):
    tilted = [_resized(run, run.n_params * run.flops / 1e19) for run in chinchilla_runs(noise=0.001)]
    assert "N* grows as C^1.5" in found(tilted)["unusual-exponent"].message


def test_a_loss_that_falls_ever_faster_is_warned_of(chinchilla_runs):
    steep = chinchilla_runs(theta=STEEP, budgets=np.geomspace(1e13, 1e15, 7), noise=0.003)
    error_rates = [replace(run, loss=run.loss / (0.3 + run.loss)) for run in steep]
    finding = found(error_rates)["accelerating-loss"]
    assert finding.severity == "error"
    assert finding.action.startswith("evaluate the cross-entropy")
    nats = found(error_rates, "nats per token")["accelerating-loss"]
    assert nats.action.startswith("train larger budgets")
    assert "cross-entropy" not in nats.action


def _resized(run, n_params):
    return replace(run, n_params=n_params, n_units=run.flops / 6 / n_params)
