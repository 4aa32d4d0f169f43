"""What is advised where few units are held out."""

from typing import Literal

import pytest

from flops_fit.config.python_data import PythonData
from flops_fit.design import plan_sweep


@pytest.fixture
def advice(make_spec, make_probe):
    def given(source, *, n_units=None):
        plan = plan_sweep(make_spec(data=source), make_probe(n_units=n_units, n_held_out=60))
        return {finding.code: finding.action for finding in plan.findings}["few-held-out"]

    return given


@pytest.fixture
def folder(make_spec):
    class Folder(type(make_spec().data)):
        kind: Literal["folder"] = "folder"
        held_out: float = 0.1
        eval_images: int | None = None

    return Folder


def test_a_source_of_a_spec_is_told_of_its_own_options(advice, folder):
    """An option that is unset takes everything there is, and has nothing to raise."""
    assert advice(folder()) == (
        "hold out 1000 or more: raise data.held_out (now 0.1), or give folder more data to evaluate on"
    )
    assert "raise data.held_out (now 0.1) or data.eval_images (now 60)," in advice(folder(eval_images=60))


def test_a_source_without_such_options_is_given_more(advice, make_spec):
    assert advice(make_spec().data) == "hold out 1000 or more: give data more data to evaluate on"


def test_an_object_of_python_is_told_of_the_argument(advice):
    assert advice(PythonData(dataset=list(range(8)))) == "hold out 1000 or more: pass a larger `eval_dataset`"


@pytest.mark.parametrize(("n_units", "more"), [(540, True), (1939, True), (1940, False)])
def test_no_more_than_half_of_all_data_is_to_be_held_out(advice, folder, n_units, more):
    asked = (
        f"get more data, or hold out more of these {n_units + 60:,}: " if more else "hold out 1000 or more: "
    )
    assert advice(folder(), n_units=n_units).startswith(asked)
