"""A sweep of days is told before it starts, from the speed of this machine."""

import logging

import pytest

from flops_fit.engine.least_time import A_DAY_S, SLOW, peak_flops_per_s, warn_of_days
from flops_fit.engine.words import duration


def test_a_sweep_of_years_is_told(make_spec, caplog):
    spec = make_spec()
    with caplog.at_level(logging.WARNING):
        warn_of_days(1e9 * A_DAY_S * peak_flops_per_s(spec), spec, n_processes=1)
    assert "FLOPs take at least" in caplog.text
    assert "years here" in caplog.text


def test_more_processes_take_less(make_spec, caplog):
    warn_of_days(10 * A_DAY_S * peak_flops_per_s(make_spec()), make_spec(), n_processes=1000)
    assert not caplog.text


def test_what_any_machine_does_in_a_day_is_not_even_measured(make_spec, caplog, monkeypatch):
    monkeypatch.setattr("flops_fit.engine.least_time.peak_flops_per_s", pytest.fail)
    warn_of_days(0.9 * A_DAY_S * SLOW, make_spec(), n_processes=1)
    assert not caplog.text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (119, "119 s"),
        (121, "2 min"),
        (7200, "2.0 h"),
        (180_000, "2.1 days"),
        (1e11, "3,168.6 years"),
    ],
)
def test_times_are_told_in_a_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text
