"""What only a GPU can show."""

import json
import os
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import two_processes
from torch import nn

from flops_fit.builtin.text import StdlibText
from flops_fit.config import adapt
from flops_fit.engine import run_sweep
from flops_fit.engine.cost import estimate_sweep
from flops_fit.engine.executors import count_workers
from flops_fit.engine.loop import set_up, take_steps
from flops_fit.engine.packing import PACKED
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.state import State
from flops_fit.engine.step import WARM_UP, Recorded
from flops_fit.engine.sweep import trunks_left, workers_for
from flops_fit.engine.trunk import train_run, train_trunk
from flops_fit.runs import RunStore

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

ON_CPU = """
import json, pickle, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from flops_fit.engine.sweep import trunks_left
from flops_fit.engine.trunk import train_run
from flops_fit.runs import RunStore
run, spec = pickle.loads(Path(sys.argv[2]).read_bytes())
print(json.dumps(train_run(run, spec).loss))
"""
FP32 = {"batch_size": 16, "workers": 1, "precision": "fp32"}


class Normed(nn.Module):
    """Running averages that a step changes beside the weights; noise where asked for."""

    def __init__(self, width, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, width, bias=False),  # whose gradient would be rounding alone
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, 1),
        )

    def forward(self, inputs):
        return self.layers(inputs).squeeze(-1)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


class Noisy(Normed):
    def __init__(self, width):
        super().__init__(width, dropout=0.5)


def normed(model=Normed, loss=lambda outputs, targets: (outputs - targets).square().mean(), **training):
    inputs = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    return adapt(
        model_cls=model,
        model_size_param="width",
        model_sizes=(16,),
        dataset=torch.utils.data.TensorDataset(inputs, inputs.square().sum(1)),
        loss_fn=loss,
        compute_budgets=(1e9, 2e9),
        training={"batch_size": 8, "lr": 1e-2, "grad_clip": 1.0} | training,
        allow_thin_sweep=True,
    )


def with_graph(spec, *, graph):
    return spec.model_copy(update={"training": spec.training.model_copy(update={"cuda_graph": graph})})


def state_after(spec, n_steps):
    """Train the smallest model of a spec for some steps; return every tensor that they change."""
    spec.data.prepare()
    with reproducible(0):
        trainee = set_up(two_processes.a_run(spec), spec)
        take_steps(trainee, n_steps)
        return trainee, State.of(trainee).copied().tensors


def loss_on_cpu(run, spec, tmp_path):
    job = tmp_path / "job.pickle"
    job.write_bytes(pickle.dumps((run, spec)))
    answer = subprocess.run(
        [sys.executable, "-c", ON_CPU, str(Path(__file__).parent), str(job)],
        env=os.environ | {"ACCELERATE_USE_CPU": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


def test_fp32_on_the_gpu_is_close_to_the_cpu(make_spec, plan_of, tmp_path):
    spec = make_spec(training=FP32)
    run = min(plan_of(spec).runs, key=lambda run: run.n_steps)
    assert train_run(run, spec).loss == pytest.approx(loss_on_cpu(run, spec, tmp_path), rel=1e-3)


def test_a_run_trains_on_the_gpu_in_bf16_by_default(make_spec, plan_of):
    spec = make_spec(training={"batch_size": 16})
    run = min(plan_of(spec).runs, key=lambda run: run.n_steps)
    trainee = set_up(run, spec)
    assert next(trainee.module.parameters()).device.type == "cuda"
    seen = []
    trainee.module.hidden.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    take_steps(trainee, 1)
    assert seen == [torch.bfloat16]
    full = train_run(replace(run, precision="fp32"), spec).loss
    assert train_run(run, spec).loss == pytest.approx(full, rel=0.05)


@pytest.mark.parametrize("grad_clip", [None, 1.0])
def test_steps_never_wait_for_the_gpu(make_spec, plan_of, grad_clip):
    spec = make_spec(training={"batch_size": 16, "grad_clip": grad_clip})
    trainee = set_up(plan_of(spec).runs[0], spec)
    take_steps(trainee, WARM_UP + 1)  # the first steps allocate, and one is recorded
    assert isinstance(trainee.stepper, Recorded)
    with warnings.catch_warnings():  # torch calls the mode a prototype
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
    try:
        take_steps(trainee, 10)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert not trainee.diverged


def test_a_sweep_of_small_models_shares_the_gpu_unless_it_is_short(make_spec, plan_of, store):
    spec = make_spec(training={"batch_size": 16})
    assert 1 <= count_workers(spec, plan_of(spec).trunks) <= PACKED
    assert workers_for(plan_of(spec).trunks, spec) == 1
    summary = run_sweep(plan_of(spec), spec, store)
    assert summary.trained == 10


def test_a_diverged_run_is_found_on_the_gpu(make_spec, plan_of):
    spec = make_spec()
    assert train_run(replace(plan_of(spec).runs[0], lr=1e30), spec).status == "diverged"


def test_two_processes_share_one_gpu(make_spec, plan_of, store, tmp_path):
    """And come to the losses of one, up to the order of sums."""
    one = make_spec(training=FP32)
    run_sweep(plan_of(one), one, store)
    two = make_spec(training=FP32 | {"workers": 2})
    with RunStore(tmp_path / "two" / "runs.sqlite") as other:
        assert run_sweep(plan_of(two), two, other).trained == 10
        expected = {row.run_id: row.loss for row in store.read()}
        assert {row.run_id: row.loss for row in other.read()} == pytest.approx(expected, rel=1e-3)


def test_an_estimate_knows_the_memory_and_the_hours_of_the_gpu(make_spec, plan_of, tmp_path):
    spec = make_spec(training={"batch_size": 16}, output_dir=tmp_path)
    plan = plan_of(spec)
    found = estimate_sweep(plan, spec, trunks_left(plan, (), ()))
    assert found.device == "cuda"
    assert found.device_hours.value == pytest.approx(found.wall_s.value / 3600)
    assert found.memory.state_bytes < found.memory.peak_bytes < found.memory.free_bytes
    assert found.energy_kwh is None or found.energy_kwh.value > 0


@pytest.mark.parametrize("make", [two_processes.gpt, normed])
def test_replayed_steps_equal_eager_ones(make):
    """Weights, running averages and the sum of losses after 50 steps, in fp32."""
    spec = make()
    eager, expected = state_after(with_graph(spec, graph=False), 50)
    recorded, found = state_after(with_graph(spec, graph=True), 50)
    assert not isinstance(eager.stepper, Recorded)
    assert recorded.stepper.replays
    assert found.keys() == expected.keys()
    for name in (name for name in expected if not name.startswith("optimizer.")):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-4)


def test_each_replay_draws_noise_anew_and_a_seed_repeats_it():
    losses = []
    for _ in range(2):
        with reproducible(5):
            trainee = set_up(two_processes.a_run(normed(model=Noisy)), normed(model=Noisy))
            take_steps(trainee, WARM_UP + 1)
            batch, seen = {name: rows.cuda() for name, rows in next(trainee.batches).items()}, []
            for _ in range(5):  # at rate 0 only the noise differs
                before = trainee.loss_sum.item()
                trainee.stepper.take(batch, 1.0, 0.0)
                seen.append(trainee.loss_sum.item() - before)
            losses.append(seen)
    assert len(set(losses[0])) == 5
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_loss_that_waits_for_the_gpu_is_trained_without_a_graph(caplog):
    spec = normed(loss=lambda outputs, targets: (outputs - targets)[targets > 0].square().mean())
    trainee, _ = state_after(spec, 20)
    assert not trainee.stepper.replays
    assert not trainee.diverged
    assert "cannot hold them" in caplog.text
    trainee, _ = state_after(normed(model=Noisy), 20)  # the generator is none the worse for it
    assert trainee.stepper.replays


def test_batches_gathered_on_the_gpu_are_those_of_the_cpu():
    source = StdlibText(length=32)
    there = source.resident(torch.device("cuda"))
    assert there is not source
    for ours, theirs in (
        (there.train_batches(16, 3, 5), source.train_batches(16, 3, 5)),
        (there.eval_batches(48), source.eval_batches(48)),
    ):
        for _, a, b in zip(range(40), ours, theirs, strict=False):
            assert a.keys() == b.keys()
            assert all(a[name].is_cuda for name in a)
            assert all(torch.equal(a[name].cpu(), b[name]) for name in b)


def test_a_trunk_gives_the_losses_of_its_runs_alone():
    spec = two_processes.gpt()
    spec.data.prepare()
    run = two_processes.a_run(spec)
    runs = [replace(run, run_id=f"run{n}", n_steps=n, cooldown_steps=n // 4) for n in (40, 80)]
    together = [record.loss for record in train_trunk(runs, spec)]
    assert together == pytest.approx([train_run(run, spec).loss for run in runs], rel=1e-3)


def test_a_state_that_is_put_back_goes_on_as_if_nothing_had_happened():
    spec = two_processes.gpt()
    spec.data.prepare()
    found = []
    for interrupted in (False, True):
        with reproducible(0):
            trainee = set_up(two_processes.a_run(spec), spec)
            take_steps(trainee, 30)
            if interrupted:
                state = State.of(trainee).copied()
                trainee = set_up(two_processes.a_run(spec), spec)
                state.put_back(trainee)
            take_steps(trainee, 30)
            found.append(trainee.loss_sum.item())
    assert found[1] == pytest.approx(found[0], rel=1e-4)
