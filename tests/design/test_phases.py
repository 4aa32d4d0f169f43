"""Steps of warm-up and cooldown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.config.training import TrainingSpec
from flops_fit.design.phases import MIN_WARMUP_STEPS, phases_of


def test_known_phases():
    assert phases_of(1000, 300, TrainingSpec(warmup=0.1, cooldown=0.2)) == (30, 200)


def test_a_short_run_still_warms_up_for_a_few_steps():
    assert phases_of(50, 50, TrainingSpec(warmup=0.01, cooldown=0.2)) == (MIN_WARMUP_STEPS, 10)


def test_no_warmup_means_none():
    assert phases_of(100, 100, TrainingSpec(warmup=0, cooldown=0.2)) == (0, 20)


def test_a_cosine_warms_up_for_a_fraction_of_its_own_steps_and_falls_from_there():
    training = TrainingSpec(schedule="cosine", mode="alone")
    assert phases_of(1000, 300, training) == (100, 900)


@given(
    shortest=st.integers(1, 2000),
    longer=st.integers(0, 5000),
    cooldown=st.floats(0, 0.9),
)
def test_longer_runs_branch_off_later_and_none_within_its_warmup(shortest, longer, cooldown):
    training = TrainingSpec(warmup=0.1, cooldown=cooldown)
    branch_steps = []
    for n_steps in (shortest, shortest + longer):
        warmup_steps, cooldown_steps = phases_of(n_steps, shortest, training)
        assert warmup_steps <= max(0.1 * n_steps + 1, MIN_WARMUP_STEPS)
        branch_steps.append(n_steps - cooldown_steps)
    assert 0 <= branch_steps[0] <= branch_steps[1] <= shortest + longer


def test_all_runs_of_a_size_share_one_warmup():
    warmups = {phases_of(n, 200, TrainingSpec())[0] for n in (200, 500, 5000)}
    assert warmups == {20}


@pytest.mark.parametrize("n_steps", [1, 3, 9])
def test_warmup_never_exceeds_the_run(n_steps):
    assert phases_of(n_steps, n_steps, TrainingSpec(cooldown=0))[0] == n_steps
