"""Steps taken one operation at a time and steps replayed from a recording.

The recorder here runs the recorded work again, operation by operation: all but CUDA's part is the real thing.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
import two_processes

from flops_fit.engine import step as step_module
from flops_fit.engine.loop import set_up, take_steps
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.state import State
from flops_fit.engine.step import WARM_UP, Eager, Recorded, Update


class Again:
    """Records by remembering what to do."""

    def __init__(self):
        self.n_recorded = 0

    def aside(self):
        return nullcontext()

    def record(self, work):
        self.n_recorded += 1
        return work


class Unable(Again):
    def record(self, work):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.fixture(autouse=True)
def _tell_anew():
    step_module._tell.cache_clear()


@pytest.fixture
def trainee_of(make_spec, plan_of):
    def make(recorder=None, **fields):
        spec = make_spec(**fields)
        trainee = set_up(replace(plan_of(spec).runs[-1], seed=3), spec)
        if recorder is not None:
            trainee.stepper = Recorded(trainee.stepper, recorder)
        return trainee

    return make


def trained(trainee, n_steps=50):
    take_steps(trainee, n_steps)
    return torch.cat([p.detach().flatten() for p in trainee.module.parameters()])


@pytest.mark.parametrize("grad_clip", [None, 0.1])
def test_replayed_steps_equal_eager_ones(trainee_of, grad_clip):
    """Up to the rates, which a recording holds in fp32."""
    training, recorder = {"batch_size": 16, "workers": 1, "grad_clip": grad_clip}, Again()
    with reproducible(3):
        eager = trainee_of(training=training)
        by_hand = trained(eager)
    with reproducible(3):
        recorded = trainee_of(recorder, training=training)
        replayed = trained(recorded)
    torch.testing.assert_close(replayed, by_hand, rtol=1e-5, atol=1e-6)
    assert recorder.n_recorded == 1
    assert recorded.loss_sum.item() == pytest.approx(eager.loss_sum.item(), rel=1e-5)
    assert all(p.grad is None for p in recorded.module.parameters())


def test_replayed_steps_of_a_gpt_equal_eager_ones_whatever_its_groups():
    spec = two_processes.gpt()
    spec.data.prepare()
    found = []
    for recorder in (None, Again()):
        with reproducible(0):
            trainee = set_up(two_processes.a_run(spec), spec)
            if recorder is not None:
                trainee.stepper = Recorded(trainee.stepper, recorder)
            found.append(trained(trainee, 15))  # after 50, training itself has blown 1e-7 up to 1e-4
    assert len(trainee.optimizer.param_groups) > 1
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-4)


def test_a_state_that_is_put_back_is_recorded_anew_and_gives_the_same_steps(trainee_of):
    recorder = Again()
    with reproducible(3):
        trainee = trainee_of(recorder)
        take_steps(trainee, 20)
        state = State.of(trainee).copied()
        straight = trained(trainee, 30)
        state.put_back(trainee)
        again = trained(trainee, 30)
    assert recorder.n_recorded == 2
    torch.testing.assert_close(again, straight, rtol=1e-5, atol=1e-6)  # three of its steps are eager now


def test_a_model_that_draws_on_the_cpu_is_not_recorded(trainee_of, parts, caplog):
    recorder = Again()
    trained(trainee_of(recorder, model=parts.Mlp(dropout=0.1)), 10)
    assert recorder.n_recorded == 0
    assert "draws random numbers on the CPU" in caplog.text


def test_what_cannot_be_recorded_is_told_once_and_taken_one_operation_at_a_time(trainee_of, caplog):
    with reproducible(3):
        by_hand = trained(trainee_of())
    with reproducible(3):
        fallen_back = trained(trainee_of(Unable()))
    trained(trainee_of(Unable()), 10)
    assert torch.equal(fallen_back, by_hand)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "operation not permitted when stream is capturing"
    ]


def test_a_batch_of_another_shape_is_taken_by_itself(parts):
    def taken(recorder):
        torch.manual_seed(0)
        net = parts.Net(4)
        update = Update(
            forward=net,
            backward=torch.Tensor.backward,
            loss=parts.Squared(),
            optimizer=torch.optim.AdamW(net.parameters(), lr=1e-2, fused=True),
            precision=nullcontext(),
            clipped=(),
            grad_clip=1.0,
            loss_sum=torch.zeros(()),
        )
        step = Eager(update) if recorder is None else Recorded(Eager(update), recorder)
        for i in range(20):
            rows = 5 if i in (7, 8, 15) else 8
            step.take({"inputs": torch.randn(rows, 8), "targets": torch.randn(rows)}, 1.0, 1.0)
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    torch.testing.assert_close(taken(Again()), taken(None), rtol=1e-5, atol=1e-6)


def test_the_first_steps_are_never_replayed(trainee_of):
    recorder = Again()
    trainee = trainee_of(recorder)
    take_steps(trainee, WARM_UP)
    assert recorder.n_recorded == 0
    take_steps(trainee, 1)
    assert recorder.n_recorded == 1
