import numpy as np
import pytest

from flops_fit.fit.counting import robust_scale
from flops_fit.fit.run_noise import DOUBT, GRAVE_DOUBT, alike

FLOPS = np.geomspace(1e15, 1e21, 400)
BELOW = np.log(FLOPS.max() / FLOPS)


def residuals_of(noise, doubt):
    rng = np.random.default_rng(0)
    return rng.normal(size=400) * np.hypot(noise, doubt * BELOW)


def test_noise_and_doubt_together_are_what_runs_scatter_by():
    residuals = residuals_of(0.004, GRAVE_DOUBT)
    noise = alike(robust_scale(residuals)).doubted(FLOPS, residuals, GRAVE_DOUBT)
    assert robust_scale(residuals / np.sqrt(noise.variance(FLOPS))) == pytest.approx(1.0, rel=1e-3)
    assert np.sqrt(noise.variance(FLOPS[-1:]))[0] == pytest.approx(0.004, rel=0.25)


def test_doubted_runs_count_less_the_smaller_they_are_and_one_on_average():
    noise = alike(0.005).doubted(FLOPS, residuals_of(0.005, DOUBT), DOUBT)
    weights = noise.weights(FLOPS)
    assert (np.diff(weights) > 0).all()
    assert weights.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("noise", [0.0003, 0.001, 0.005])
def test_runs_that_scatter_alike_leave_next_to_nothing_to_doubt(noise):
    """Otherwise good runs at the top, taken to be quieter than they are, would count as outliers."""
    residuals = residuals_of(noise, 0.0)
    found = alike(robust_scale(residuals)).doubted(FLOPS, residuals, GRAVE_DOUBT)
    assert np.sqrt(found.variance(FLOPS[-1:]))[0] == pytest.approx(noise, rel=0.25)


def test_exact_runs_leave_nothing_to_doubt():
    exact = np.full(400, 1e-12)
    noise = alike(1e-9).doubted(FLOPS, exact, GRAVE_DOUBT)
    assert np.sqrt(noise.variance(FLOPS)).max() < 1e-8


def test_beyond_the_largest_run_noise_is_that_of_the_largest():
    noise = alike(0.005).doubted(FLOPS, residuals_of(0.005, DOUBT), DOUBT)
    at, beyond = noise.variance(np.array([FLOPS[-1], 100 * FLOPS[-1]]))
    assert beyond == pytest.approx(at, rel=1e-9)
