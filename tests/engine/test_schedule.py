"""The learning rate of a step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.engine.schedule import MIN_WARMUP_STEPS, Schedule

fractions = st.floats(0, 0.5)


def test_known_schedule_step_by_step():
    schedule = Schedule(n_steps=10, warmup_steps=4, cooldown_steps=4)
    assert [schedule.factor(step) for step in range(10)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    )


def test_cooldown_ends_at_zero_one_step_after_the_last():
    assert Schedule.of(100, warmup=0.1, cooldown=0.2).factor(100) == 0


def test_a_short_run_still_warms_up_for_a_few_steps():
    assert Schedule.of(50, warmup=0.01, cooldown=0).warmup_steps == MIN_WARMUP_STEPS


def test_no_warmup_and_no_cooldown_is_constant():
    schedule = Schedule.of(20, warmup=0, cooldown=0)
    assert {schedule.factor(step) for step in range(20)} == {1.0}


@given(n_steps=st.integers(1, 5000), warmup=fractions, cooldown=fractions)
def test_every_step_moves_and_none_exceeds_the_peak(n_steps, warmup, cooldown):
    schedule = Schedule.of(n_steps, warmup=warmup, cooldown=cooldown)
    assert all(0 < schedule.factor(step) <= 1 for step in range(0, n_steps, max(1, n_steps // 50)))
    assert schedule.factor(n_steps - 1) > 0


@given(short=st.integers(20, 500), longer=st.integers(1, 500), cooldown=st.integers(1, 20))
def test_before_the_cooldown_a_run_does_not_know_how_long_it_is(short, longer, cooldown):
    """What later lets one trunk serve several budgets."""
    one, other = (
        Schedule(n_steps=n, warmup_steps=10, cooldown_steps=cooldown) for n in (short, short + longer)
    )
    shared = range(short - cooldown + 1)
    assert [one.factor(step) for step in shared] == [other.factor(step) for step in shared]
