"""The learning rate of a step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.engine.schedule import Schedule

shapes = st.sampled_from(["linear", "1-sqrt", "cosine"])


def factors(**phases):
    schedule = Schedule(**phases)
    return [schedule.factor(step) for step in range(schedule.n_steps + 1)]


def test_known_schedule_step_by_step():
    assert factors(n_steps=10, warmup_steps=4, cooldown_steps=4) == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    )


def test_known_cooldown_of_one_minus_the_square_root():
    """Of 4 steps, 4/4 to 0/4 are left: 1 - sqrt(0), 1 - sqrt(1/4), 1 - sqrt(2/4), ..."""
    assert factors(n_steps=4, warmup_steps=0, cooldown_steps=4, shape="1-sqrt") == pytest.approx(
        [1, 0.5, 1 - 0.5**0.5, 1 - 0.75**0.5, 0]
    )


def test_known_cosine():
    assert factors(n_steps=6, warmup_steps=2, cooldown_steps=4, shape="cosine") == pytest.approx(
        [0.5, 1, 1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0]
    )


def test_no_warmup_and_no_cooldown_is_constant():
    assert set(factors(n_steps=20, warmup_steps=0, cooldown_steps=0)) == {1.0}


@given(n_steps=st.integers(1, 500), warmup=st.integers(0, 500), cooldown=st.integers(0, 500), shape=shapes)
def test_every_step_moves_and_none_exceeds_the_peak(n_steps, warmup, cooldown, shape):
    found = factors(
        n_steps=n_steps,
        warmup_steps=min(warmup, n_steps),
        cooldown_steps=min(cooldown, n_steps),
        shape=shape,
    )
    assert all(0 < factor <= 1 for factor in found[:-1])


@given(short=st.integers(20, 500), longer=st.integers(1, 500), cooldown=st.integers(1, 20), shape=shapes)
def test_before_the_cooldown_a_run_does_not_know_how_long_it_is(short, longer, cooldown, shape):
    """What lets one trunk serve several budgets."""
    one, other = (
        factors(n_steps=n, warmup_steps=10, cooldown_steps=cooldown, shape=shape)
        for n in (short, short + longer)
    )
    assert one[: short - cooldown + 1] == other[: short - cooldown + 1]
