"""The Python API as a researcher uses it: their own class, dataset and loss, from import to answer."""

import sqlite3

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import flops_fit


class Mlp(nn.Module):
    def __init__(self, width, n_in=8, n_classes=4):
        super().__init__()
        layers = (
            nn.Linear(n_in, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, n_classes),
        )
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


@pytest.fixture(scope="module")
def dataset():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 8, generator=generator)
    labels = (x @ torch.randn(8, 4, generator=generator)).sin().argmax(1)
    return TensorDataset(x, labels)


@pytest.fixture(scope="module")
def sweep(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "sweep"
    result = flops_fit.find_optimal(
        model_cls=Mlp,
        model_size_param="width",
        dataset=dataset,
        loss_fn=nn.functional.cross_entropy,
        compute_budgets=[2e6, 3e6, 4.5e6, 7e6, 1e7, 1.5e7, 2.2e7],
        design={"sizes_per_budget": 5, "units_per_param": 30, "window": 6, "min_steps": 10},
        training={"batch_size": 32, "lr": 3e-3, "workers": 1},
        output_dir=out,
        quiet=True,
    )
    return out, result


def test_own_objects_give_an_answer_with_intervals(sweep):
    answer = sweep[1].predict(2e7, accept_unreliable=True)
    assert answer.n_params in answer.n_params_interval
    assert answer.n_units in answer.n_units_interval
    assert answer.loss in answer.loss_interval
    assert answer.n_units > answer.n_params


def test_the_answer_says_that_one_learning_rate_served_all_sizes(sweep):
    assert "one-learning-rate" in {finding.code for finding in sweep[1].diagnostics}


def test_the_sweep_is_kept_and_loads_again(sweep):
    out, result = sweep
    assert flops_fit.load(out).chinchilla_table() == result.chinchilla_table()
    assert flops_fit.fit_runs(out).chinchilla_table() == result.chinchilla_table()


def test_a_half_finished_sweep_can_be_fitted(sweep, tmp_path):
    out, _ = sweep
    (tmp_path / "spec.json").write_bytes((out / "spec.json").read_bytes())
    (tmp_path / "runs.sqlite").write_bytes((out / "runs.sqlite").read_bytes())
    with sqlite3.connect(tmp_path / "runs.sqlite") as rows:
        rows.execute("DELETE FROM runs WHERE budget > 1.2e7")
    assert flops_fit.fit_runs(tmp_path).law.flops_range[1] == pytest.approx(1e7, rel=0.05)


def test_rows_of_another_plan_in_the_same_directory_are_not_fitted(sweep, tmp_path):
    out, result = sweep
    (tmp_path / "spec.json").write_bytes((out / "spec.json").read_bytes())
    (tmp_path / "runs.sqlite").write_bytes((out / "runs.sqlite").read_bytes())
    with sqlite3.connect(tmp_path / "runs.sqlite") as rows:
        rows.execute("UPDATE runs SET plan_id = 'another' WHERE rowid % 5 = 0")
    n_left = len(flops_fit.fit_runs(tmp_path).law.points)
    assert 0 < n_left < len(result.law.points)


def test_a_spec_and_objects_together_are_refused(dataset):
    with pytest.raises(flops_fit.FlopsFitError, match="as well"):
        flops_fit.find_optimal("sweep.yaml", dataset=dataset)


def test_every_public_name_can_be_imported():
    for name in dir(flops_fit):
        assert getattr(flops_fit, name) is not None


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'find_optimum'"):
        flops_fit.find_optimum  # noqa: B018


def test_an_error_about_own_objects_has_a_fix_to_paste_and_is_shown_alone(dataset):
    with pytest.raises(flops_fit.FlopsFitError, match="compute_budgets: 2 of at least 7 budgets") as caught:
        flops_fit.find_optimal(
            model_cls=Mlp,
            model_size_param="width",
            dataset=dataset,
            loss_fn=nn.functional.cross_entropy,
            compute_budgets=[2e6, 3e6],
        )
    assert "`allow_thin_sweep=True`" in caught.value.fix
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_the_result_tells_in_an_interpreter_where_it_is_kept(sweep):
    out, result = sweep
    assert repr(result).endswith(f"; kept in {out}")
    assert len(repr(result).splitlines()) == 3
