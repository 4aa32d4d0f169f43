"""What is not worth training is told as early as it is known."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from flops_fit.config import adapt, glimpse
from flops_fit.design import probe_worth_training
from flops_fit.errors import SpecError

BUILT_ON = []
"""Devices on which models were built."""


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))
        BUILT_ON.append(self.layers[0].weight.device.type)

    def forward(self, x):
        return self.layers(x)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


def spec_at(budget, **changes):
    rows = TensorDataset(
        torch.randn(400, 4, generator=torch.Generator().manual_seed(0)), torch.arange(400) % 2
    )
    arguments = {
        "model_cls": Net,
        "model_size_param": "width",
        "dataset": rows,
        "loss_fn": nn.functional.cross_entropy,
        "compute_budgets": [budget * 10 ** (i / 6) for i in range(7)],
        "training": {"batch_size": 2},
    }
    return adapt(**arguments | changes)


def test_data_that_would_be_seen_hopelessly_often_are_told_of_before_any_model_is_built():
    BUILT_ON.clear()
    with pytest.raises(SpecError, match="beyond one epoch of 360 samples") as caught:
        probe_worth_training(spec_at(1e12))
    assert caught.value.code == "many-epochs"
    assert set(BUILT_ON) == {"meta"}


def test_a_form_that_knows_of_repetition_goes_on_to_the_probes():
    spec = spec_at(1e8, fit={"kind": "data_constrained", "unique_units": 360})
    assert glimpse(spec, epochs=16) is not None
    assert probe_worth_training(spec).n_held_out == 40


def test_nothing_is_seen_early_of_what_is_in_reach_or_at_fault():
    assert glimpse(spec_at(1e12), epochs=1e12) is None
    assert glimpse(spec_at(1e12, dataset=[(torch.rand(4), "a")] * 400), epochs=16) is None


@pytest.mark.parametrize(
    ("budget", "changes", "code", "besides"),
    [
        (1e12, {}, "many-epochs", "use more data, or raise design.n_min"),
        (1e4, {"training": {"batch_size": 300}}, "empty-plan", "lower training.batch_size"),
    ],
)
def test_budgets_in_reach_are_told_once_and_then_what_else_would_help(budget, changes, code, besides):
    with pytest.raises(SpecError) as caught:
        probe_worth_training(spec_at(budget, **changes))
    assert caught.value.code == code
    assert caught.value.fix.count("the budgets") <= 1
    assert "e.g. `budgets: {start: " in caught.value.fix
    assert caught.value.fix.endswith(f"(or {besides})")
