import numpy as np
import pytest

from flops_fit.fit.trend import fit_loss_trend, fit_size_trend

LOG_FLOPS = np.log(np.geomspace(1e17, 1e20, 8))
SURE = np.eye(8) * 1e-3**2


def test_a_straight_trend_is_continued():
    trend = fit_size_trend(LOG_FLOPS, 17 + 0.45 * (LOG_FLOPS - LOG_FLOPS[-1]), SURE)
    assert trend.slope().mean == pytest.approx(0.45, abs=0.005)
    assert trend.predict(LOG_FLOPS[-1] + 2).mean == pytest.approx(17.9, abs=0.02)


def test_a_bent_trend_is_continued_with_the_slope_at_the_top_and_followed_below():
    t = LOG_FLOPS - LOG_FLOPS[-1]
    bent = 17 + 0.4 * t - 0.02 * t**2
    trend, straight = (fit_size_trend(LOG_FLOPS, bent, SURE, drifting=d) for d in (True, False))
    assert trend.slope().mean == pytest.approx(0.4, abs=0.04)
    assert straight.slope().mean == pytest.approx(np.polyfit(t, bent, 1)[0], abs=0.03)
    assert [trend.predict(c).mean for c in LOG_FLOPS] == pytest.approx(bent, abs=0.03)


def test_forecasts_grow_less_certain_with_distance():
    trend = fit_size_trend(LOG_FLOPS, 17 + 0.5 * (LOG_FLOPS - LOG_FLOPS[-1]), SURE)
    variances = [trend.predict(LOG_FLOPS[-1] + ahead).variance for ahead in (0, 1, 3, 6)]
    assert variances == sorted(variances)
    assert variances[-1] > 4 * variances[0]


def test_predictions_are_continuous_at_the_top_budget():
    wavy = 17 + 0.5 * (LOG_FLOPS - LOG_FLOPS[-1]) + 0.1 * np.sin(LOG_FLOPS)
    trend = fit_size_trend(LOG_FLOPS, wavy, SURE)
    below, above = (trend.predict(LOG_FLOPS[-1] + step) for step in (-1e-7, 1e-7))
    assert below.mean == pytest.approx(above.mean, abs=1e-5)
    assert below.variance == pytest.approx(above.variance, rel=1e-4)


def test_irreducible_loss_is_found_where_the_losses_show_it():
    losses = 1.8 + 30 * np.exp(-0.09 * LOG_FLOPS)
    trend = fit_loss_trend(LOG_FLOPS, np.log(losses), np.eye(8) * 1e-4**2)
    assert trend.floor() == pytest.approx(1.8, rel=0.1)
    assert np.exp(trend.predict(np.log(1e21)).mean) == pytest.approx(1.8 + 30 * 1e21**-0.09, rel=0.002)


def test_a_budget_far_off_the_trend_is_doubted_and_barely_moves_it():
    line = 17 + 0.5 * (LOG_FLOPS - LOG_FLOPS[-1])
    off = line.copy()
    off[3] += 1.5
    trend = fit_size_trend(LOG_FLOPS, off, np.eye(8) * 0.02**2)
    assert trend.inflations[3] > 20
    assert trend.predict(LOG_FLOPS[-1]).mean == pytest.approx(17, abs=0.1)


@pytest.mark.parametrize("slope", [-0.3, -0.5])
def test_a_slope_that_nobody_expected_is_found_and_said_to_be_unexpected(slope):
    rng = np.random.default_rng(0)
    steep = slope * (LOG_FLOPS - LOG_FLOPS[0]) + 0.005 * rng.normal(size=8)
    found = fit_loss_trend(LOG_FLOPS, steep, np.eye(8) * 0.005**2)
    fall = found.relative_slope()
    assert fall.mean == pytest.approx(slope, abs=0.03)
    assert abs(fall.mean - slope) < 2.5 * fall.variance**0.5
    assert found.slope_doubt > 0.9


def test_an_expected_slope_is_not_doubted():
    losses = 1.8 + 30 * np.exp(-0.09 * LOG_FLOPS)
    assert fit_loss_trend(LOG_FLOPS, np.log(losses), np.eye(8) * 1e-3**2).slope_doubt < 0.05
    assert fit_size_trend(LOG_FLOPS, 0.45 * LOG_FLOPS, SURE).slope_doubt < 0.05


def test_an_exponent_beyond_one_is_found_and_said_to_be_unexpected():
    trend = fit_size_trend(LOG_FLOPS, 1.4 * LOG_FLOPS, SURE)
    assert trend.slope().mean == pytest.approx(1.4, abs=0.02)
    assert trend.slope_doubt > 0.5


def test_trouble_in_low_budgets_is_no_reason_to_doubt_the_top():
    t = LOG_FLOPS - LOG_FLOPS[-1]
    smooth = -0.06 * t
    troubled = smooth + np.array([0.4, 0.1, 0.03, 0, 0, 0, 0, 0])
    spread = [
        fit_loss_trend(LOG_FLOPS, y, SURE).predict(LOG_FLOPS[-1] + 1).variance for y in (smooth, troubled)
    ]
    assert spread[1] < 4 * spread[0]
