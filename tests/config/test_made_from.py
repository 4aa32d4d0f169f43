import json
from dataclasses import asdict, replace

import pytest

from flops_fit.components import DataSpec
from flops_fit.config import load_spec, made_from, read_made_from

SPEC = {
    "model": "gpt",
    "data": {"kind": "stdlib_text", "length": 32},
    "budgets": [1e9],
    "allow_thin_sweep": True,
}


@pytest.fixture(scope="module")
def made():
    data = DataSpec(unit="token", units_per_sample=32, n_units=10**7, n_classes=256)
    return made_from(load_spec(SPEC | {"training": {"batch_size": 8, "lr": 0.25}}), data)


def test_it_names_the_parts_with_their_packages_and_the_settings_as_they_ran(made):
    assert made.model.startswith("gpt (flops-fit-gpt ")
    assert made.data.startswith("stdlib_text (flops-fit")
    assert (made.loss, made.flop_counter) == ("cross_entropy", "traced")
    assert (made.epoch, made.lr, made.seeds) == (10**7, 0.25, (0,))
    assert made.training["batch_size"] == 8
    assert {"flops-fit", "torch"} <= set(made.versions)


def test_what_spec_json_kept_is_read_back_equal(made):
    assert read_made_from(json.loads(json.dumps(asdict(made)))) == made
    assert read_made_from(None) is None


def test_something_else_is_refused(made):
    with pytest.raises(ValueError, match="lr"):
        read_made_from(asdict(replace(made, lr="fast")))
