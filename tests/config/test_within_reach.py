"""Budgets that are suggested where those asked for cannot be trained: they can be."""

import pytest
import torch
from torch.utils.data import TensorDataset
from user_parts import MLP, classes

from flops_fit.config import adapt, load_spec, probe
from flops_fit.config.pasteable import told_in_python
from flops_fit.config.written import read_value
from flops_fit.design import check_worth_training, plan_sweep
from flops_fit.errors import SpecError


def decade(start, count=7):
    return [start * 10 ** (i / (count - 1)) for i in range(count)]


def call(**changes):
    arguments = {
        "model_cls": MLP,
        "model_size_param": "width",
        "dataset": classes(30_000),
        "loss_fn": torch.nn.functional.cross_entropy,
        "training": {"lr": 0.02},
    } | changes
    with told_in_python(arguments):
        spec = adapt(**arguments)
        check_worth_training(plan_sweep(spec, probe(spec)), spec)
    return spec


def refused(**changes):
    with pytest.raises(SpecError) as caught:
        call(**changes)
    return caught.value


def pasted(fix):
    """Return the arguments that a fix writes between backticks, up to other advice."""
    code = fix.partition(" (or ")[0].split("`")[1::2]
    return eval(f"dict({', '.join(code)})")


@pytest.mark.parametrize(
    ("budgets", "code", "verb"),
    [
        ([1.0, 2.0, 3.0], "too-few-sizes", "raise"),
        (decade(1e2), "too-few-sizes", "raise"),
        (decade(1e3), "empty-plan", "raise"),
        (decade(3e4), "too-little-to-fit", "raise"),
        (decade(1e10), "many-epochs", "lower"),
        (decade(1e24), "smallest-size-too-large", "lower"),
        ([*decade(1e7), 1e10], "many-epochs", "lower"),
    ],
)
def test_budgets_out_of_reach_are_told_with_others_that_can_be_pasted(budgets, code, verb):
    error = refused(compute_budgets=budgets, allow_thin_sweep=True)
    assert error.code == code
    assert error.fix.startswith(f"{verb} the budgets, e.g. `compute_budgets=[")
    spec = call(**pasted(error.fix), allow_thin_sweep=True)
    assert spec.budgets[-1] == pytest.approx(10 * spec.budgets[0])
    assert len(spec.budgets) == max(3, len(budgets))


def test_those_that_are_too_low_are_raised_no_further_than_it_takes():
    low, high = (call(**pasted(refused(compute_budgets=decade(at)).fix)) for at in (1e5, 1e10))
    assert low.budgets[0] < high.budgets[0]
    refused(compute_budgets=[budget / 30 for budget in low.budgets])
    refused(compute_budgets=[budget * 300 for budget in high.budgets])


def test_where_the_data_are_few_a_smaller_batch_is_part_of_the_fix_and_nothing_else_is_lost():
    error = refused(compute_budgets=decade(1e10), dataset=classes(2000))
    arguments = pasted(error.fix)
    assert arguments["training"]["lr"] == 0.02
    spec = call(**arguments, dataset=classes(2000))
    assert spec.training.batch_size == arguments["training"]["batch_size"] < 32


def test_where_the_data_do_not_suffice_for_any_budget_it_is_said_how_many_would():
    error = refused(compute_budgets=decade(1e7), dataset=classes(60))
    assert error.code == "many-epochs"
    n_rows = float(
        error.fix.partition("model take ")[2].partition(" samples of training data: use as many")[0]
    )
    enough = classes(round(n_rows / 0.9) + 1)
    call(**pasted(refused(compute_budgets=decade(1e10), dataset=enough).fix), dataset=enough)


def test_a_spec_is_answered_in_its_own_language():
    given = {"model": "gpt", "data": "stdlib_text"}
    with pytest.raises(SpecError, match=r"raise the budgets, e\.g\. `budgets: \{start: ") as caught:
        planned(given | {"budgets": decade(1e5)})
    planned(given | read_value(caught.value.fix.split("`")[1]))


def planned(given):
    spec = load_spec(given)
    check_worth_training(plan_sweep(spec, probe(spec)), spec)


def test_limits_of_the_design_are_kept_to():
    error = refused(compute_budgets=decade(1e10), design={"n_min": 500})
    spec = call(**pasted(error.fix), design={"n_min": 500})
    assert spec.design.n_min == 500


def test_a_family_of_one_size_is_not_promised_budgets():
    rows = TensorDataset(torch.randn(200, 8), torch.arange(200) % 3)
    error = refused(compute_budgets=decade(1e7), dataset=rows, model_sizes=[8])
    assert error.code == "too-few-sizes"
    assert "compute_budgets=[" not in error.fix
