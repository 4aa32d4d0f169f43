"""Errors of `find_optimal` name its arguments, not fields of a spec."""

from pathlib import Path

import pytest

from flops_fit.config.pasteable import as_meant, fitted_again_from, told_in_python
from flops_fit.config.training import TrainingSpec
from flops_fit.errors import (
    FitError,
    PluginError,
    Problem,
    SpecError,
    speaking_to_command_line,
    text_argument,
)


@pytest.mark.parametrize(
    ("where", "fix", "pasteable"),
    [
        ("budgets", "add some, or `allow_thin_sweep: true`", "add some, or `allow_thin_sweep=True`"),
        ("budgets", "write `budgets: [1e06, 2e06]`", "write `compute_budgets=[1e06, 2e06]`"),
        ("budgets", "e.g. `budgets: {start: 1e15}`", "e.g. `budgets: {start: 1e15}`"),
        (
            "budgets",
            "e.g. `budgets: {start: 1e6, stop: 1e7, count: 3}`",
            "e.g. `compute_budgets=[1e06, 3.16e06, 1e07]`",
        ),
        ("model", "or change `budgets`", "or change `compute_budgets`"),
        ("model", "write `n_layers: 3`", "write `n_layers: 3`"),
        ("flops", "or `flops: {kind: traced}` with", "or `flops={'kind': 'traced'}` with"),
        ("seeds", "write `seeds: [0, 1]`", "write `seeds=[0, 1]`"),
        ("training.mode", "write `mode: alone`", "write `training={'mode': 'alone'}`"),
        ("training", "write `training: {batch_size: 32}`", "write `training={'batch_size': 32}`"),
        ("budgets", "set `training.precision: fp32`", "set `training={'precision': 'fp32'}`"),
        ("training.lr", "use 'cooldown'", "use 'cooldown'"),
        ("fit.unique_units", "write `fit: {kind: bounded}`", "write `fit={'kind': 'bounded'}`"),
    ],
)
def test_a_fix_can_be_pasted_into_the_call(where, fix, pasteable):
    problem = Problem(where=where, problem="is wrong", fix=fix, code="some-code")
    with (
        pytest.raises(SpecError, match="1 problem in the arguments:") as caught,
        told_in_python({}),
    ):
        raise SpecError.of([problem], source="the spec")
    assert caught.value.fix == caught.value.problems[0].fix == pasteable
    assert f"{where.replace('budgets', 'compute_budgets')}: is wrong" in str(caught.value)


@pytest.mark.parametrize("given", [{"lr": 0.01, "mode": "trunks"}, TrainingSpec(lr=0.01)])
def test_what_was_given_beside_it_is_kept(given):
    problem = Problem(where="training.mode", problem="is wrong", fix="write `mode: alone`", code="x")
    with pytest.raises(SpecError) as caught, told_in_python({"training": given}):
        raise SpecError.of([problem], source="the spec")
    assert caught.value.fix == "write `training={'lr': 0.01, 'mode': 'alone'}`"


def test_advice_is_spelt_as_arguments_where_these_were_given():
    advice = "raise design.n_min, or write `fit: {kind: bounded}`"
    assert as_meant(advice) == advice
    with told_in_python(None):
        assert as_meant(advice) == advice
    with told_in_python({}):
        assert as_meant(advice) == "raise design.n_min, or write `fit={'kind': 'bounded'}`"


def test_an_error_from_below_is_shown_once_with_its_cause():
    with pytest.raises(PluginError) as caught, told_in_python({}):
        raise PluginError("it raised", fix="mend it", code="x") from OSError("gone")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__context__ is None


def test_an_error_of_one_part_has_a_fix_to_paste_too():
    with pytest.raises(PluginError) as caught, told_in_python({}):
        raise PluginError("unknown", fix="write `flops: {kind: traced, free_ops: [aten.xyz]}`", code="x")
    assert caught.value.fix == "write `flops={'kind': 'traced', 'free_ops': ['aten.xyz']}`"


def test_a_spec_that_was_given_keeps_its_own_words():
    problem = Problem(where="budgets", problem="is wrong", fix="write `seeds: [0]`", code="some-code")
    with pytest.raises(SpecError, match="in sweep") as caught, told_in_python(None):
        raise SpecError.of([problem], source="sweep.yaml")
    assert caught.value.problems == (problem,)


def told(out):
    with pytest.raises(FitError) as caught, fitted_again_from(Path(out)):
        raise FitError("no minimum", fix=f"or {text_argument('form', 'ces')}", code="x")
    return caught.value.fix


def test_another_form_is_fitted_to_the_runs_that_a_sweep_kept():
    assert told("my out") == 'or flops_fit.fit_runs("my out", form="ces")'
    assert told("C:\\1") == r'or flops_fit.fit_runs("C:\\1", form="ces")'
    with speaking_to_command_line():
        assert told("my out") == "or flops-fit fit 'my out' --form ces"
