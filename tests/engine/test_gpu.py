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

from flops_fit.engine import run_sweep
from flops_fit.engine.cost import estimate_sweep
from flops_fit.engine.executors import count_workers
from flops_fit.engine.loop import set_up, take_steps
from flops_fit.engine.sweep import trunks_left
from flops_fit.engine.trunk import train_run
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
    take_steps(trainee, 2)  # the first steps allocate
    with warnings.catch_warnings():  # torch calls the mode a prototype
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
    try:
        take_steps(trainee, 10)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert not trainee.diverged


def test_a_sweep_runs_in_order_in_one_process(make_spec, plan_of, store):
    spec = make_spec(training={"batch_size": 16})
    assert count_workers(spec) == 1
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
