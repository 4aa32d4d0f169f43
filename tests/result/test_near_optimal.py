"""Sizes as good as the best."""

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.result import ScalingResult
from flops_fit.result.near_optimal import near_optimal_n, noise_of_a_run


def test_they_reach_as_far_as_the_valley_rises_by_the_noise(known_law):
    near = near_optimal_n(known_law, 1e16, 10**6.5, noise=0.01)
    half = np.sqrt(0.01 / 0.03)  # the valley is 0.03·u² high
    assert np.log([near.low, near.high]) == pytest.approx(
        np.log(10**6.5) + half * np.array([-1, 1]), abs=0.01
    )


def test_without_noise_only_the_best_size_is_as_good_as_the_best(known_law):
    near = near_optimal_n(known_law, 1e16, 10**6.5, noise=0.0)
    assert near.low == near.high == pytest.approx(10**6.5)


def test_a_valley_knows_the_noise_of_its_runs(sweep):
    for noise in (0.002, 0.01):
        law = fit_law(sweep(noise=noise)).headline
        assert noise_of_a_run(law, flops=1e17, loss=2.0) == pytest.approx(
            noise, rel=0.5
        )  # pooled with a prior


def test_a_surface_knows_it_and_an_average_has_the_mean(sweep):
    surface = fit_law(sweep(noise=0.01), Chinchilla()).headline
    known = noise_of_a_run(surface, flops=1e17, loss=2.0)
    assert known == pytest.approx(0.01, rel=0.3)
    both = MixtureLaw(members=(surface, surface), weights=np.array([0.7, 0.3]))
    assert noise_of_a_run(both, flops=1e17, loss=2.0) == pytest.approx(known)


def test_where_it_is_not_known_one_percent_is_said(known_law):
    assert ScalingResult(known_law).predict(1e16).noise == 0.01
    assert "within 1.00% of the least" in str(ScalingResult(known_law).predict(1e16))
