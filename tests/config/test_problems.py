"""Whatever pydantic finds comes out as a place, a value, what is allowed and a fix."""

import pytest
from pydantic import ValidationError
from pydantic_core._pydantic_core import list_all_errors  # the only list there is

from flops_fit.config import load_spec
from flops_fit.config.names import LISTED_SIZES
from flops_fit.config.problems import find_problems
from flops_fit.config.written import Written
from flops_fit.errors import FitError, SpecError

pytestmark = pytest.mark.usefixtures("tiny")

BUDGETS = {"start": 1e15, "stop": 1e17}


def problems(**fields):
    with pytest.raises(SpecError) as caught:
        load_spec({"model": "tiny", "data": "numbers", "budgets": BUDGETS, **fields})
    return [(p.where, p.problem, p.fix) for p in caught.value.problems]


def of_model(**options):
    return problems(model={"kind": "tiny", **options})


@pytest.mark.parametrize("known", list_all_errors(), ids=lambda known: known["type"])
def test_every_error_of_pydantic_is_put_into_words(known):
    """One translation each, with its place, and no template left unfilled."""
    detail = {
        "type": known["type"],
        "loc": ("model", "depth"),
        "input": 7,
        "ctx": known["example_context"] or {},
    }
    error = ValidationError.from_exception_data("SweepSpec", [detail])
    written = Written(values={"model": {"kind": "tiny", "depth": 7}}, name="s.yaml", lines={("model",): 1})
    [problem] = find_problems(error, written)
    assert problem.where == "s.yaml:1: model.depth"
    assert "depth: " in problem.fix or problem.code == "unknown-field"
    assert problem.code in {"missing-field", "unknown-field", "value-not-allowed", "invalid-value"}
    assert "{" not in problem.problem.replace("{}", "")


def test_types_and_ranges_come_with_an_example():
    assert of_model(depth="deep") == [
        ("model.depth", "found 'deep'; allowed: an integer", "write e.g. `depth: 2`")
    ]
    assert of_model(depth=99) == [
        ("model.depth", "found 99; allowed: values of at most 64", "write e.g. `depth: 2`")
    ]
    assert of_model(bias="si") == [
        ("model.bias", "found 'si'; allowed: true or false", "write e.g. `bias: false`")
    ]
    assert of_model(activation="tanh") == [
        ("model.activation", "found 'tanh'; allowed: 'gelu' or 'relu'", "write e.g. `activation: gelu`")
    ]


def test_the_members_of_a_union_are_one_problem():
    assert of_model(heads=[1]) == [
        ("model.heads", "found [1]; allowed: an integer or 'auto'", "write e.g. `heads: auto`")
    ]


def test_an_option_that_is_unset_by_default_is_left_out_and_not_set_to_null():
    [(_, _, fix)] = problems(design={"n_min": -1})
    assert fix == "write a value that is allowed, or leave out `n_min`"
    [(_, _, fix)] = problems(training={"lr": -1})
    assert fix == "write e.g. `lr: auto`"


def test_an_item_of_a_list_is_named_by_its_index():
    assert of_model(widths=[8, "x"]) == [
        ("model.widths.1", "found 'x'; allowed: an integer", "write e.g. `widths: [8, 16]`")
    ]


def test_options_within_options_are_found():
    assert of_model(rotary={"base": -1}) == [
        ("model.rotary.base", "found -1; allowed: values above 0", "write e.g. `base: 10000`")
    ]
    assert of_model(rotary=7) == [
        (
            "model.rotary",
            "found 7; allowed: a mapping of options",
            "write a value that is allowed, or leave out `rotary`",
        )
    ]


def test_a_rule_of_a_plugin_keeps_its_own_words():
    assert of_model(name="very long") == [
        ("model.name", "found 'very long': names are five letters at most", "correct it, e.g. `name: t`")
    ]


def test_a_missing_field_says_what_it_is_for():
    with pytest.raises(SpecError) as caught:
        load_spec({})
    assert [(p.where, p.problem, p.fix) for p in caught.value.problems] == [
        ("model", "missing: Architecture to size.", "add `model: other`"),
        ("data", "missing: Training and held-out data.", "add `data: numbers`"),
        (
            "budgets",
            "missing: Compute of the runs of each IsoFLOP curve, FLOPs, strictly increasing.",
            "add `budgets: {start: 1e15, stop: 1e17, count: 7}`",
        ),
    ]


def test_a_component_without_a_name_lists_what_is_installed():
    [(where, problem, fix)] = of_model(kind=None)
    assert (where, problem) == ("model", "`kind` is missing; installed: other, tiny")
    assert fix.startswith("write `model: other`")
    assert problems(data=3)[0][1] == "3 is no `data`"


def test_an_unknown_field_suggests_its_neighbour_or_its_section():
    assert of_model(dept=3)[0][2] == "use 'depth'"
    assert problems(lr=0.1)[0][2] == "write it as `training.lr`"
    assert problems(window=4)[0][2] == "write it as `design.window`"
    assert problems(colour="red")[0][2] == "remove `colour`"


def test_a_required_field_that_was_misspelt_is_one_problem():
    with pytest.raises(SpecError) as caught:
        load_spec({"model": "tiny", "data": "numbers", "budget": BUDGETS})
    assert [(p.where, p.fix) for p in caught.value.problems] == [("budget", "rename it to `budgets`")]
    assert problems(budgets={"strat": 1e15, "stop": 1e17})[0][2] == "rename it to `start`"
    assert len(problems(budgets={"strat": 1e15, "stop": 1e17})) == 1


def test_a_misspelt_copy_of_a_field_that_is_there_is_not_to_be_renamed():
    assert [(where, fix) for where, _, fix in problems(budget=BUDGETS)] == [("budget", "use 'budgets'")]


def test_a_required_field_stays_missing_beside_one_that_means_another():
    with pytest.raises(SpecError) as caught:
        load_spec({"model": "tiny", "data": "numbers", "window": 4})
    assert {(p.where, p.code) for p in caught.value.problems} == {
        ("window", "unknown-field"),
        ("budgets", "missing-field"),
    }


def test_a_list_of_sizes_belongs_to_the_model():
    assert problems(design={"sizes": [8, 16]})[0][2] == LISTED_SIZES
    assert "`model_sizes`" in LISTED_SIZES
    assert problems(design={"sizes": 8})[0][2] == "use 'sizes_per_budget'"


@pytest.mark.parametrize("name", ["optimizer", "optimiser", "optim"])
def test_there_is_one_optimiser(name):
    fix = f"remove `{name}`: every run trains with AdamW"
    assert problems(training={name: "sgd"})[0][2] == problems(**{name: "sgd"})[0][2] == fix


def test_a_number_with_a_unit_is_told_without_it():
    assert problems(budgets={"start": "10 GFLOPs", "stop": "1T"}) == [
        ("budgets.start", "found '10 GFLOPs'; allowed: a number, without a unit", "write `start: 1e10`")
    ]
    assert problems(design={"n_min": "1.5M params"})[0][2] == "write `n_min: 1.5e06`"
    assert problems(budgets={"start": "many", "stop": "1T"})[0][1:] == (
        "found 'many'; allowed: a number",
        "write e.g. `start: 1e15`",
    )


def test_a_range_of_budgets_is_checked_like_everything_else():
    assert problems(budgets={"start": 0, "stop": 1}) == [
        ("budgets.start", "found 0; allowed: values above 0", "write e.g. `start: 1e15`")
    ]


def test_an_error_of_ours_inside_a_validator_keeps_its_fix():
    ours = FitError("the form needs 9 runs", fix="add runs", code="too-few-runs")
    detail = {"type": "value_error", "loc": ("fit",), "input": "auto", "ctx": {"error": ours}}
    error = ValidationError.from_exception_data("SweepSpec", [detail])
    [problem] = find_problems(error, Written(values={"fit": "auto"}))
    assert (problem.problem, problem.fix, problem.code) == (ours.problem, ours.fix, ours.code)


def test_long_values_are_cut():
    [(_, problem, _)] = of_model(depth="x" * 1000)
    assert problem == f"found '{'x' * 56}...; allowed: an integer"


@pytest.mark.parametrize("name", ["epochs", "num_epochs", "n_epochs", "max_steps", "steps"])
def test_the_length_of_a_run_is_no_option(name):
    fix = f"remove `{name}`: how long a run trains follows from its budget"
    assert problems(training={name: 3})[0][2] == fix
    assert problems(**{name: 3})[0][2] == fix


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("epsilon", "use 'eps'"),
        ("adam_eps", "use 'eps'"),
        ("learning_rate", "use 'lr'"),
        ("epoch_count", "remove `epoch_count`"),
        ("warmup_steps", "use 'warmup'"),
    ],
)
def test_an_abbreviation_is_offered_for_its_own_word_only(name, fix):
    assert problems(training={name: 3})[0][2] == fix
