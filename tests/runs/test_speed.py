"""The speed of the machine that trained a sweep."""

from dataclasses import replace

import pytest

from flops_fit.runs import RunRecord, measured_speed

RUN = RunRecord(
    run_id="a",
    budget=1e9,
    size="w4",
    seed=0,
    n_params=1e6,
    n_params_nonembedding=None,
    n_units=100,
    flops=2e9,
    flops_6nd=2e9,
    loss=1.25,
    wall_s=10.0,
)


def test_the_largest_models_tell_and_only_what_was_executed_counts():
    runs = [
        RUN,
        replace(RUN, flops_executed=1e9),
        replace(RUN, n_params=6e5, wall_s=4.0),
        replace(RUN, n_params=1e5, wall_s=1.0),
    ]
    speed = measured_speed(runs)
    assert (speed.flops_per_s, speed.n_params, speed.n_runs) == (2e8, 1e6, 3)
    assert (speed.seen.low, speed.seen.high) == (1e8, 5e8)


@pytest.mark.parametrize(
    "change",
    [
        {"wall_s": None},
        {"wall_s": 0.0},
        {"status": "diverged"},
        {"origin": "imported"},
        {"flops_executed": 0.0},
    ],
)
def test_runs_that_were_not_timed_to_their_end_tell_nothing(change):
    assert measured_speed([replace(RUN, **change)]) is None
    assert measured_speed([]) is None
