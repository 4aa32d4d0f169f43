"""What a sweep spec accepts, refuses, and looks like on the way out."""

import json
import pickle
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flops_fit import plugins
from flops_fit.components import DataSpec, FitForm, ModelFamily
from flops_fit.config.design import DesignSpec
from flops_fit.config.spec import MIN_BUDGETS, BudgetRange, SweepSpec
from flops_fit.config.training import TrainingSpec

pytestmark = pytest.mark.usefixtures("tiny")

BUDGETS = (1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16)
MINIMAL = {"model": "tiny", "data": "numbers", "budgets": BUDGETS}


def codes(**fields):
    """Return the code of every rule that the spec with these fields breaks."""
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate({**MINIMAL, **fields})
    return {".".join(map(str, error["loc"])): error["type"] for error in caught.value.errors()}


class Unregistered(ModelFamily):
    """A component of somebody's notebook."""

    kind: Literal["mine"] = "mine"
    depth: int = 3

    def ladder(self, n_min, n_max, data):
        return []

    def build(self, size, data: DataSpec):
        raise NotImplementedError


def test_a_spec_needs_only_model_data_and_budgets(tiny):
    spec = SweepSpec.model_validate(MINIMAL)
    assert spec.model == tiny.TinyModel()
    assert (spec.loss, spec.flops, spec.fit) == (tiny.TinyLoss(), tiny.TinyFlops(), tiny.TinyFit())
    assert (spec.design, spec.training, spec.seeds) == (DesignSpec(), TrainingSpec(), (0,))


def test_a_component_is_given_by_name_by_options_or_as_an_object(tiny):
    by_options = SweepSpec.model_validate({**MINIMAL, "model": {"kind": "tiny", "depth": 5}})
    as_object = SweepSpec.model_validate({**MINIMAL, "model": tiny.TinyModel(depth=5)})
    assert by_options == as_object
    assert SweepSpec.model_validate({**MINIMAL, "model": "other"}).model == tiny.OtherModel()


def test_a_component_of_another_type_is_refused(tiny):
    assert codes(model=tiny.TinyData()) == {"model": "wrong-type"}
    assert codes(data=tiny.TinyModel) == {"data": "wrong-type"}


def test_an_object_that_no_plugin_offers_is_taken_as_it_is():
    mine = Unregistered(depth=4)
    spec = SweepSpec.model_validate({**MINIMAL, "model": mine})
    assert spec.model is mine
    assert spec.model_dump(mode="json")["model"] == {"kind": "mine", "depth": 4}


def test_a_spec_pickles_with_registered_and_unregistered_components():
    for model in ("tiny", Unregistered()):
        spec = SweepSpec.model_validate({**MINIMAL, "model": model})
        assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_spec_cannot_be_edited():
    spec = SweepSpec.model_validate(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        spec.seeds = (1,)


def test_a_new_registry_counts_at_once(tiny):
    SweepSpec.model_validate(MINIMAL)
    plugins.use(plugins.Registry(offers=()))
    assert codes()["model"] == "unknown-component"


@given(
    depth=st.integers(1, 64),
    budgets=st.lists(st.floats(1e3, 1e27), min_size=MIN_BUDGETS, max_size=12, unique=True).map(sorted),
    seeds=st.lists(st.integers(0, 2**62), min_size=1, max_size=4, unique=True),
    lr=st.none() | st.floats(1e-9, 10),
    warmup=st.floats(0, 0.5),
    n_min=st.none() | st.floats(1, 1e12),
    rotary=st.none() | st.floats(1e-3, 1e9).map(lambda base: {"base": base}),
)
def test_a_spec_survives_json(depth, budgets, seeds, lr, warmup, n_min, rotary):
    spec = SweepSpec.model_validate(
        {
            "model": {"kind": "tiny", "depth": depth, "rotary": rotary},
            "data": "numbers",
            "budgets": budgets,
            "seeds": seeds,
            "training": {"lr": lr, "warmup": warmup, "cooldown": 0.5},
            "design": {"n_min": n_min},
        }
    )
    assert SweepSpec.model_validate(json.loads(json.dumps(spec.model_dump(mode="json")))) == spec
    assert SweepSpec.model_validate_json(spec.model_dump_json()) == spec
    assert SweepSpec.model_validate(spec.model_dump()) == spec


# ---- rules


@pytest.mark.parametrize("bad", [0, -1e10, float("inf"), float("nan")])
def test_budgets_are_positive_and_finite(bad):
    assert codes(budgets=[bad, *BUDGETS]) == {"budgets": "bad-budget"}


@pytest.mark.parametrize("budgets", [BUDGETS[::-1], (*BUDGETS, BUDGETS[-1])])
def test_budgets_strictly_increase(budgets):
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate({**MINIMAL, "budgets": budgets})
    [error] = caught.value.errors()
    assert error["type"] == "unsorted-budgets"
    assert error["ctx"]["fix"] == "write `budgets: [1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16]`"


def test_fewer_than_seven_budgets_are_accepted_only_on_purpose():
    assert codes(budgets=BUDGETS[:6]) == {"budgets": "too-few-budgets"}
    assert codes(budgets=[]) == {"budgets": "too-few-budgets"}
    thin = SweepSpec.model_validate({**MINIMAL, "budgets": BUDGETS[:3], "allow_thin_sweep": True})
    assert thin.budgets == BUDGETS[:3]


@pytest.mark.parametrize("seeds", [[], [1, 1], [-1]])
def test_seeds_are_distinct_and_not_negative(seeds):
    assert codes(seeds=seeds) == {"seeds": "bad-seeds"}


@pytest.mark.parametrize(
    ("seeds", "listed"), [(0, "[0]"), (1, "[0]"), (3, "[0, 1, 2]"), (np.int64(2), "[0, 1]"), (42, "[42]")]
)
def test_a_number_of_seeds_is_listed(seeds, listed):
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate({**MINIMAL, "seeds": seeds})
    assert caught.value.errors()[0]["ctx"]["fix"] == f"write `seeds: {listed}`"


def test_some_size_lies_between_the_smallest_and_the_largest():
    assert codes(design={"n_min": 1e6, "n_max": 1e6}) == {"design.n_max": "empty-size-range"}
    assert SweepSpec.model_validate({**MINIMAL, "design": {"n_max": 1e6}}).design.n_max == 1e6


def test_warmup_and_cooldown_fit_into_a_run():
    assert codes(training={"warmup": 0.9}) == {"training.cooldown": "schedule-too-long"}
    assert (
        SweepSpec.model_validate({**MINIMAL, "training": {"warmup": 0.5, "cooldown": 0.5}}).training.cooldown
        == 0.5
    )


def test_betas_are_averages():
    assert codes(training={"betas": [0.9, 1.0]}) == {"training.betas": "bad-betas"}


def test_independent_mistakes_are_all_found_at_once():
    found = codes(
        budgets=BUDGETS[:2], seeds=[], training={"warmup": 0.95, "lr": -1}, design={"window": 1}, fit="x"
    )
    assert found == {
        "fit": "unknown-component",
        "budgets": "too-few-budgets",
        "seeds": "bad-seeds",
        "design.window": "greater_than",
        "training.lr.constrained-float": "greater_than",
        "training.lr.literal['auto']": "literal_error",
        "training.cooldown": "schedule-too-long",
    }


def test_a_cosine_is_trained_alone():
    assert codes(training={"schedule": "cosine"}) == {"training.mode": "cosine-in-trunks"}
    alone = {"schedule": "cosine", "mode": "alone"}
    assert SweepSpec.model_validate({**MINIMAL, "training": alone}).training.schedule == "cosine"


# ---- budgets as a range


@given(start=st.floats(1e3, 1e20), decades=st.floats(0.5, 6), count=st.integers(MIN_BUDGETS, 30))
def test_a_range_of_budgets_is_even_in_log_and_keeps_its_ends(start, decades, count):
    stop = start * 10**decades
    spec = SweepSpec.model_validate({**MINIMAL, "budgets": {"start": start, "stop": stop, "count": count}})
    assert (spec.budgets[0], spec.budgets[-1], len(spec.budgets)) == (start, stop, count)
    ratios = [b / a for a, b in zip(spec.budgets[:-1], spec.budgets[1:], strict=True)]
    assert ratios == pytest.approx([ratios[0]] * (count - 1))


def test_a_range_has_seven_budgets_by_default():
    assert len(BudgetRange(start=1, stop=10).budgets()) == MIN_BUDGETS


# ---- the guess that centres a sweep


def test_the_prior_size_spends_the_budget_at_the_prior_ratio():
    """C = 6·N·D with D = 20·N: Chinchilla's 5.76e23 FLOPs give its 70 billion parameters."""
    assert SweepSpec.model_validate(MINIMAL).prior_n_params(5.76e23) == pytest.approx(6.93e10, rel=1e-3)


def test_the_range_of_sizes_follows_the_window_unless_given():
    spec = SweepSpec.model_validate(MINIMAL)
    low, high = spec.n_params_range()
    assert low == pytest.approx(spec.prior_n_params(BUDGETS[0]) / 8)
    assert high == pytest.approx(spec.prior_n_params(BUDGETS[-1]) * 8)
    given_range = SweepSpec.model_validate({**MINIMAL, "design": {"n_min": 10, "n_max": 20}})
    assert given_range.n_params_range() == (10, 20)


# ---- JSON Schema


def test_the_schema_has_every_plugin_and_its_options():
    schema = SweepSpec.model_json_schema()
    names, options = schema["properties"]["model"]["anyOf"]
    assert names == {"enum": ["other", "tiny"]}
    assert options["required"] == ["kind"]
    assert options["discriminator"] == {
        "propertyName": "kind",
        "mapping": {"other": "#/$defs/OtherModel", "tiny": "#/$defs/TinyModel"},
    }
    assert schema["$defs"]["TinyModel"]["properties"]["depth"]["maximum"] == 64
    assert schema["$defs"]["Rotary"]["properties"]["base"]["exclusiveMinimum"] == 0
    assert schema["required"] == ["model", "data", "budgets"]


def test_the_schema_documents_every_field_of_the_core():
    schema = SweepSpec.model_json_schema()
    documented = [schema, *(schema["$defs"][name] for name in ("DesignSpec", "TrainingSpec", "BudgetRange"))]
    assert [
        name for part in documented for name, p in part["properties"].items() if "description" not in p
    ] == []


def test_the_schema_follows_the_registry():
    plugins.use(plugins.Registry(offers=()))
    assert SweepSpec.model_json_schema()["properties"]["model"]["type"] == "object"


def test_the_schema_of_one_plugin_still_maps_its_name():
    properties = SweepSpec.model_json_schema()["properties"]
    assert properties["fit"]["anyOf"][1]["discriminator"]["mapping"] == {"auto": "#/$defs/TinyFit"}
    assert properties["fit"]["default"] == "auto"
    assert issubclass(plugins.registry().find("fit", "auto"), FitForm)


def fix_of(**fields):
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate({**MINIMAL, **fields})
    [error] = caught.value.errors()
    return error["ctx"]["fix"]


@pytest.mark.parametrize("bad", [-1e10, float("nan"), "many", None, True, 10**400])
def test_without_the_bad_budget_the_good_ones_are_left(bad):
    left = "`budgets: [1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16]`"
    assert left in fix_of(budgets=[*BUDGETS, bad])


def test_a_single_budget_is_shown_as_a_range_that_ends_there():
    assert fix_of(budgets=3e12) == "write e.g. `budgets: {start: 3e11, stop: 3e12, count: 7}`"


def test_counts_are_read_as_tables_write_them():
    spec = SweepSpec.model_validate(
        {
            **MINIMAL,
            "budgets": {"start": "10B", "stop": "1.2T"},
            "design": {"n_min": "4K", "n_max": "2M"},
            "training": {"lr_scaling": {"at": "1.5M", "exponent": -0.5}},
        }
    )
    assert (spec.budgets[0], spec.budgets[-1]) == (1e10, 1.2e12)
    assert (spec.design.n_min, spec.design.n_max, spec.training.lr_scaling.at) == (4e3, 2e6, 1.5e6)
    listed = SweepSpec.model_validate({**MINIMAL, "budgets": [f"{n}G" for n in range(1, 8)]})
    assert listed.budgets == tuple(n * 1e9 for n in range(1, 8))


def test_a_range_the_wrong_way_round_is_swapped():
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate({**MINIMAL, "budgets": {"start": 1e17, "stop": 1e15, "count": 9}})
    (error,) = caught.value.errors()
    assert (error["type"], error["msg"]) == ("unsorted-budgets", "start = 1e17 is above stop = 1e15")
    assert error["ctx"]["fix"] == "write `budgets: {start: 1e15, stop: 1e17, count: 9}`"
