"""The Python API as a researcher uses it: their own class, dataset and loss, from import to answer."""

import inspect
import re
import sqlite3

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import flops_fit
from flops_fit.config.arguments import OF_RUNS, OF_SWEEP
from flops_fit.errors import FitError, PluginError, SpecError, TableError


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
    again = flops_fit.fit_runs(out)
    assert again.chinchilla_table() == result.chinchilla_table()
    assert again.diagnostics == result.diagnostics


def test_a_half_finished_sweep_can_be_fitted(sweep, tmp_path):
    out, _ = sweep
    (tmp_path / "spec.json").write_bytes((out / "spec.json").read_bytes())
    (tmp_path / "runs.sqlite").write_bytes((out / "runs.sqlite").read_bytes())
    with sqlite3.connect(tmp_path / "runs.sqlite") as rows:
        rows.execute("DELETE FROM runs WHERE budget > 1.2e7")
    half = flops_fit.fit_runs(tmp_path)
    assert half.law.flops_range[1] == pytest.approx(1e7, rel=0.05)
    assert "unfinished-sweep" in {finding.code for finding in half.diagnostics}
    with sqlite3.connect(tmp_path / "runs.sqlite") as rows:
        rows.execute("DELETE FROM runs WHERE rowid > 5")
    with pytest.raises(FitError, match=r"^\d of the \d+ planned runs are done\.") as caught:
        flops_fit.fit_runs(tmp_path)
    assert caught.value.fix.startswith("start the sweep again: ")


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


def test_unknown_arguments_are_named_together_with_those_meant(dataset):
    with pytest.raises(SpecError, match="find_optimal takes no `model`, `budgets`,") as caught:
        flops_fit.find_optimal(
            model=Mlp, budgets=[1e6], loss=None, val_dataset=dataset, designs={}, lr=1e-3, epochs=3
        )
    assert caught.value.code == "unknown-argument"
    assert caught.value.fix == (
        "use `model_cls` for `model`; use `compute_budgets` for `budgets`; use `loss_fn` for `loss`; "
        "use `eval_dataset` for `val_dataset`; use `design` for `designs`; "
        "use `training={'lr': 0.001}` for `lr`; "
        "remove `epochs`: how long a run trains follows from its budget"
    )
    with pytest.raises(ValueError, match=r"remove `zzz`; the arguments are spec, model_cls, .*quiet\n"):
        flops_fit.find_optimal(zzz=1)


def test_no_optimiser_is_taken():
    with pytest.raises(SpecError) as caught:
        flops_fit.find_optimal(optimizer="sgd")
    assert caught.value.fix == "remove `optimizer`: every run trains with AdamW"


def test_entries_given_as_arguments_join_those_that_were_given_in_their_place():
    with pytest.raises(SpecError) as caught:
        flops_fit.find_optimal(
            data=[], train_data=[], lr=1e-3, batch_size=8, training={"schedule": "wsd"}, n_min=100
        )
    assert caught.value.fix == (
        "use `dataset` for `data` and `train_data`; use `training={'schedule': 'wsd', 'lr': 0.001, "
        "'batch_size': 8}` for `lr` and `batch_size`; use `design={'n_min': 100}` for `n_min`"
    )


def test_unknown_arguments_of_a_fit_are_named_too():
    with pytest.raises(TableError, match=r"fit_runs takes no `data` or `column`\.") as caught:
        flops_fit.fit_runs(data="runs.csv", column={"N": "params"})
    assert caught.value.fix == "use `source` for `data`; use `columns` for `column`"


@pytest.mark.parametrize("function", [flops_fit.find_optimal, flops_fit.fit_runs])
def test_every_name_that_is_offered_is_an_argument(function):
    allowed = inspect.signature(function).parameters
    offered = {"find_optimal": OF_SWEEP, "fit_runs": OF_RUNS}[function.__name__]
    assert {name.partition(".")[0] for name in offered.values()} <= set(allowed)
    assert "Raises:" in function.__doc__


class Column(Mlp):
    def __init__(self, width):
        super().__init__(width, n_classes=1)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (nn.functional.cross_entropy, torch.arange(8000) % 8),
        (nn.BCEWithLogitsLoss(), (torch.arange(8000) % 2).float()),
    ],
)
def test_what_a_loss_was_given_is_told_where_it_raises(loss, targets, tmp_path):
    with pytest.raises(PluginError) as caught:
        flops_fit.find_optimal(
            model_cls=Column,
            model_size_param="width",
            dataset=TensorDataset(torch.randn(8000, 8), targets),
            loss_fn=loss,
            compute_budgets=[2e6, 3e6, 4.5e6, 7e6, 1e7, 1.5e7, 2.2e7],
            output_dir=tmp_path,
            quiet=True,
        )
    kind = r"int64 \(4,\) from \d to \d" if targets.dtype == torch.int64 else r"float32 \(4,\)"
    given = (
        rf"it was given outputs float32 \(4, 1\) and targets {kind}: make these fit, or correct what it runs"
    )
    assert re.fullmatch(rf"{given} \(the traceback shows where\)", caught.value.fix)
