"""The curve of a run: where its losses are noted, that the notes are right, and that they cost nothing."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flops_fit.engine import loop
from flops_fit.engine.curve import MAX_POINTS, N_SLOTS, curve_of, held_out_slots, train_slots
from flops_fit.engine.loop import advance, evaluate, set_up, take_steps
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.trunk import train_run, train_trunk


def of_kind(curve, kind):
    return {point.step: point.loss for point in curve if point.kind == kind}


@pytest.fixture(scope="module")
def run(make_spec, plan_of):
    return max(plan_of(make_spec()).runs, key=lambda run: run.n_steps)


@settings(deadline=None)
@given(n_steps=st.integers(1, 10**7), cooldown=st.floats(0, 1))
@example(n_steps=1, cooldown=1.0)
def test_a_curve_has_few_points_in_order_and_ends_with_the_run(run, n_steps, cooldown):
    run = replace(run, n_steps=n_steps, cooldown_steps=round(cooldown * n_steps))
    notes = [0.0] * N_SLOTS
    for step, slot in train_slots(run).items():
        notes[slot] = 3.0 * step
    for slot in held_out_slots(run).values():
        notes[slot] = 2.0
    curve = curve_of(run, notes, loss=1.0)
    train, held_out = of_kind(curve, "train"), of_kind(curve, "held_out")
    assert len(train) <= MAX_POINTS
    assert all(before < after for steps in (train, held_out) for before, after in pairwise(steps))
    assert max(train) == max(held_out) == n_steps
    assert set(train.values()) == {3.0}
    assert held_out[n_steps] == 1.0


@settings(deadline=None)
@given(n_steps=st.integers(1000, 10**6), cooldown=st.floats(0.1, 1))
def test_no_point_of_a_long_run_averages_over_a_handful_of_steps(run, n_steps, cooldown):
    steps = list(train_slots(replace(run, n_steps=n_steps, cooldown_steps=round(cooldown * n_steps))))
    late = [after - before for before, after in pairwise(steps) if before > 0.5 * n_steps]
    assert min(late) > 0.01 * n_steps


def test_points_are_the_mean_losses_of_the_steps_between_them(make_spec, run):
    spec = make_spec()
    curve = train_run(run, spec).curve
    with reproducible(run.seed):
        trainee, losses = set_up(run, spec), []
        for _ in range(run.n_steps):
            before = trainee.loss_sum.item()
            take_steps(trainee, 1)
            losses.append(trainee.loss_sum.item() - before)
    ends = [0, *of_kind(curve, "train")]
    for start, end in pairwise(ends):
        expected = math.fsum(losses[start:end]) / (end - start)
        assert of_kind(curve, "train")[end] == pytest.approx(expected, rel=1e-9)


def test_held_out_points_are_the_losses_that_an_evaluation_there_gives(make_spec, run):
    spec = make_spec()
    record = train_run(run, spec)
    held_out = of_kind(record.curve, "held_out")
    assert {256, run.n_steps} <= set(held_out)
    assert held_out[run.n_steps] == record.loss
    with reproducible(run.seed):
        trainee = set_up(run, spec)
        take_steps(trainee, 256)
        assert held_out[256] == evaluate(trainee, spec).loss


def test_looking_at_the_held_out_set_on_the_way_changes_no_step(make_spec, parts, run, monkeypatch):
    spec = make_spec(model=parts.Mlp(dropout=0.5))
    looked = train_run(run, spec)
    monkeypatch.setattr(loop, "held_out_slots", lambda run: {})
    assert train_run(run, spec).loss == looked.loss


def test_a_run_has_the_same_curve_in_a_trunk_as_alone(make_spec, run):
    spec = make_spec()
    runs = [replace(run, n_steps=n, cooldown_steps=n // 5) for n in (70, 90, 300)]
    together = [record.curve for record in train_trunk(runs, spec)]
    assert together == [train_run(run, spec).curve for run in runs]


def test_the_curve_of_a_diverged_run_ends_where_its_losses_do(make_spec, run):
    curve = train_run(replace(run, lr=1e30), make_spec()).curve
    assert 0 < len(curve) < 10
    assert all(point.kind == "train" and math.isfinite(point.loss) for point in curve)


def test_noting_losses_waits_for_no_evaluation_set(make_spec, run):
    spec = make_spec()
    with reproducible(run.seed):
        trainee = set_up(run, spec)
        advance(trainee, 255)
    assert not torch.isfinite(trainee.notes[list(held_out_slots(run).values())]).any()
