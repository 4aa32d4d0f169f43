"""`training.lr: auto` from import to answer: tuned, trained at what was found, told, and found again."""

import json

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import flops_fit
from flops_fit.api import SpecError, plan_sweep, run_spec
from flops_fit.config import load_spec
from flops_fit.runs import RunStore


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4)
        )

    def forward(self, x):
        return self.layers(x)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


def sweep_into(out):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 8, generator=generator)
    labels = (x @ torch.randn(8, 4, generator=generator)).sin().argmax(1)
    return flops_fit.find_optimal(
        model_cls=Mlp,
        model_size_param="width",
        dataset=TensorDataset(x, labels),
        loss_fn=nn.functional.cross_entropy,
        compute_budgets=[2e6, 4.5e6, 1e7],
        design={"sizes_per_budget": 4, "units_per_param": 30, "window": 6, "min_steps": 10},
        training={"batch_size": 32, "lr": "auto", "workers": 1},
        fit="chinchilla",
        allow_thin_sweep=True,
        output_dir=out,
        quiet=True,
    )


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "sweep"
    return out, sweep_into(out)


def test_every_run_trains_at_the_rate_that_was_found_for_its_size(sweep):
    out, _ = sweep
    training = json.loads((out / "spec.json").read_text())["spec"]["training"]
    at, exponent = training["lr_scaling"]["at"], training["lr_scaling"]["exponent"]
    with RunStore(out / "runs.sqlite", read_only=True) as store:
        rows = store.read()
    assert rows
    for row in rows:
        assert row.lr == pytest.approx(training["lr"] * (row.n_params / at) ** exponent)


def test_the_answer_tells_of_the_tuning_and_no_trial_is_fitted(sweep):
    out, result = sweep
    codes = {finding.code for finding in result.diagnostics}
    assert "rate-tuned" in codes
    assert not {"one-learning-rate", "rate-to-be-tuned"} & codes
    refitted = flops_fit.fit_runs(out)
    assert {finding.code for finding in refitted.diagnostics} == codes
    with RunStore(out / "runs.sqlite", read_only=True) as store:
        assert len(refitted.law.points) == len(store.read())


def test_the_same_call_again_trains_nothing(sweep):
    out, result = sweep
    before = {path: path.read_bytes() for path in out.rglob("runs.sqlite")}
    assert sweep_into(out).chinchilla_table() == result.chinchilla_table()
    assert {path: path.read_bytes() for path in out.rglob("runs.sqlite")} == before


GPT = {
    "model": "gpt",
    "data": {"kind": "stdlib_text", "length": 32},
    "budgets": {"start": 3e8, "stop": 3e9, "count": 7},
    "design": {"min_steps": 20},
    "training": {"batch_size": 8, "lr": "auto"},
    "fit": "chinchilla",
}


def test_a_simulated_sweep_is_not_tuned(tmp_path):
    result = run_spec(load_spec(GPT | {"output_dir": tmp_path}), simulate=True)
    assert not {f.code for f in result.diagnostics} & {"rate-tuned", "rate-to-be-tuned"}
    assert not list(tmp_path.rglob("learning-rate"))


@pytest.mark.parametrize("lr", ["fast", -1.0])
def test_a_rate_is_a_positive_number_or_auto(lr):
    with pytest.raises(SpecError, match=r"training.lr: found .*; allowed: .* or 'auto'"):
        plan_sweep(GPT | {"training": {"lr": lr}})
