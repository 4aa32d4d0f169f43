"""What determines a result is written down, and changes when it should."""

import json
import os
from importlib import metadata
from typing import Literal

import pytest

from flops_fit.components import LossFunction
from flops_fit.config import canonical_json, component_identity, load_spec, write_spec_json
from flops_fit.errors import StoreError

pytestmark = pytest.mark.usefixtures("tiny")

MAPPING = {"model": "tiny", "data": "numbers", "budgets": {"start": 1e15, "stop": 1e17}}


class Wrapped(LossFunction):
    """A component around a Python object, as the adapters make them."""

    kind: Literal["wrapped"] = "wrapped"
    scale: float = 2.0

    def identity(self):
        return {"callable": "my_module.loss"}

    def __call__(self, outputs, batch):
        return outputs


def test_the_identity_of_a_component_is_its_options_its_class_and_its_distribution(tiny):
    assert component_identity(tiny.TinyFlops(free_ops=("a",))) == {
        "kind": "traced",
        "options": {"kind": "traced", "free_ops": ["a"]},
        "class": f"{tiny.__name__}.TinyFlops",
        "distribution": "registered at run time",
    }


def test_a_component_around_a_python_object_says_what_it_is():
    identity = component_identity(Wrapped())
    assert identity["options"] == {"callable": "my_module.loss"}
    assert identity["distribution"] == Wrapped.__module__


def test_canonical_json_does_not_depend_on_the_order_of_fields():
    backwards = dict(reversed(MAPPING.items()))
    assert canonical_json(load_spec(MAPPING)) == canonical_json(load_spec(backwards))
    assert canonical_json(load_spec(MAPPING)) != canonical_json(load_spec({**MAPPING, "seeds": [1]}))


def test_spec_json_holds_the_resolved_spec_and_what_it_ran_with(tmp_path):
    spec = load_spec(MAPPING)
    write_spec_json(spec, tmp_path / "new" / "spec.json", hardware="1 x H200")
    content = json.loads((tmp_path / "new" / "spec.json").read_text())
    assert content["spec"]["training"]["batch_size"] == 32
    assert content["components"]["loss"] == component_identity(spec.loss)
    assert content["versions"]["torch"] == metadata.version("torch")
    assert content["hardware"] == "1 x H200"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["spec.json"]


def test_the_spec_json_of_a_sweep_is_a_spec(tmp_path):
    spec = load_spec(MAPPING, overrides=["model.depth=5"])
    write_spec_json(spec, tmp_path / "spec.json")
    assert load_spec(tmp_path / "spec.json") == spec


def test_the_machine_is_named_unless_told_otherwise(tmp_path, monkeypatch):
    for i in range(2):
        (tmp_path / "gpus" / f"0000:{i}").mkdir(parents=True)
        (tmp_path / "gpus" / f"0000:{i}" / "information").write_text("Model: \t\t NVIDIA H200\nIRQ: 7\n")
    monkeypatch.setattr("flops_fit.config.provenance.NVIDIA", tmp_path / "gpus")
    write_spec_json(load_spec(MAPPING), tmp_path / "spec.json")
    hardware = json.loads((tmp_path / "spec.json").read_text())["hardware"]
    assert hardware.startswith(f"{os.cpu_count()} x ")
    assert ", 2 x NVIDIA H200, " in hardware


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        write_spec_json(load_spec(MAPPING), tmp_path / "file" / "spec.json")
    assert caught.value.code == "unwritable-spec"
