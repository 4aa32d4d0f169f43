"""Every way to write a spec, and one clear error for every way to get it wrong."""

import json
import pickle
from pathlib import Path

import pytest

from flops_fit.config import load_spec
from flops_fit.config.spec import SweepSpec
from flops_fit.errors import PluginError, SpecError

pytestmark = pytest.mark.usefixtures("tiny")

YAML = """\
model:
  kind: tiny
  depth: 3
data: numbers
budgets: [1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16]
training:
  lr: 1e-3
  batch_size: 1e2
"""
TOML = """\
data = "numbers"
budgets = [1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16]
model = { kind = "tiny", depth = 3 }
training = { lr = 1e-3, batch_size = 100 }
"""
MAPPING = {
    "model": {"kind": "tiny", "depth": 3},
    "data": "numbers",
    "budgets": [1e15, 2e15, 4e15, 8e15, 1.6e16, 3.2e16, 6.4e16],
    "training": {"lr": 1e-3, "batch_size": 100},
}


def refused(source, *overrides):
    with pytest.raises(SpecError) as caught:
        load_spec(source, overrides=overrides)
    return caught.value


# ---- what is accepted


def test_yaml_toml_json_and_a_mapping_say_the_same(written):
    specs = [
        load_spec(written(YAML)),
        load_spec(written(YAML, "sweep.YML")),
        load_spec(Path(written(TOML, "sweep.toml"))),
        load_spec(written(json.dumps(MAPPING), "sweep.json")),
        load_spec(MAPPING),
        SweepSpec.model_validate(MAPPING),
    ]
    assert specs == [specs[0]] * len(specs)
    assert specs[0].budgets[0] == 1e15
    assert (specs[0].training.lr, specs[0].training.batch_size) == (1e-3, 100)


@pytest.mark.parametrize("number", ["1e10", "1E10", "+1e10", "1.e10", "1.0e+10", "10e9", ".1e11", "1_0e9"])
def test_every_spelling_of_a_float_is_a_number(number, written):
    text = YAML.replace("1e-3", number)
    assert load_spec(written(text)).training.lr == 1e10


def test_text_that_only_looks_like_a_float_stays_text(written):
    assert load_spec(written(YAML.replace("depth: 3", "name: 1e10x"))).model.name == "1e10x"


def test_budgets_may_be_a_range(written):
    spec = load_spec(written("model: tiny\ndata: numbers\nbudgets: {start: 1e15, stop: 1e17, count: 9}\n"))
    assert (spec.budgets[0], spec.budgets[4], spec.budgets[-1]) == (1e15, pytest.approx(1e16), 1e17)


def test_a_checked_spec_passes_through():
    spec = load_spec(MAPPING)
    assert load_spec(spec) is spec


def test_paths_stay_relative_to_the_working_directory(written, tmp_path):
    (tmp_path / "specs").mkdir()
    spec = load_spec(written(f"{YAML}output_dir: out\n", "specs/sweep.yaml"))
    assert spec.output_dir == Path("out")


# ---- overrides


@pytest.mark.parametrize("source", ["sweep.yaml", MAPPING, SweepSpec], ids=["file", "mapping", "spec"])
def test_overrides_change_any_field_of_any_source(source, written):
    written(YAML)
    source = load_spec(MAPPING) if source is SweepSpec else source
    overrides = [
        "model.depth=5",
        "training.lr=1e-2",
        "flops.free_ops=[a, b]",
        "seeds=[0, 1]",
        "design.window=4",
    ]
    spec = load_spec(source, overrides=[*overrides, "model.rotary.base=5"])
    assert (spec.model.depth, spec.model.rotary.base) == (5, 5)
    assert (spec.training.lr, spec.training.batch_size) == (0.01, 100)
    assert (spec.flops.free_ops, spec.seeds, spec.design.window) == (("a", "b"), (0, 1), 4)


def test_an_override_replaces_a_component_given_by_name(written):
    assert load_spec(written(YAML), overrides=["model=other"]).model.kind == "other"
    assert load_spec({**MAPPING, "model": "tiny"}, overrides=["model.depth=7"]).model.depth == 7


def test_overrides_leave_their_source_alone():
    load_spec(MAPPING, overrides=["model.depth=5"])
    assert MAPPING["model"] == {"kind": "tiny", "depth": 3}


def test_an_override_is_checked_like_the_file_and_named_as_the_culprit(written):
    error = refused(written(YAML), "model.depth=300", "training.momentum=1")
    assert [problem.where for problem in error.problems] == [
        "--set model.depth=300: model.depth",
        "--set training.momentum=1: training.momentum",
    ]


@pytest.mark.parametrize("override", ["model.depth", "=3", "model..depth=3", "model.depth.x=3", "seeds=[1"])
def test_a_malformed_override_is_refused(override, written):
    error = refused(written(f"{YAML}seeds: [0]\n"), override)
    assert error.code == "bad-override"
    assert error.problem.startswith(f"--set {override}: ")


# ---- five mistakes, one error

MISTAKES = """\
model:
  kind: tny
data: numbers
budgets: [1e15, 1e16, 5e15, 1e17]
loss:
  kind: cross_entropy
  smoothing: 0.1
training:
  lr: fast
  warmup: 1.5
outptu_dir: out
"""


def test_every_problem_of_a_spec_is_told_at_once(written):
    error = refused(written(MISTAKES))
    found = [(p.where, p.problem, p.fix, p.code) for p in error.problems]
    assert found == [
        (
            "sweep.yaml:1: model",
            "no model is called 'tny'; installed: other, tiny; plugin 'flops_fit' is disabled",
            "use 'tiny'",
            "unknown-component",
        ),
        (
            "sweep.yaml:4: budgets",
            "[1e15, 1e16, 5e15, 1e17] is not strictly increasing",
            "write `budgets: {start: 1e15, stop: 1e17, count: 7}`",
            "unsorted-budgets",
        ),
        (
            "sweep.yaml:7: loss.smoothing",
            "there is no such field; allowed: kind",
            "remove `smoothing`",
            "unknown-field",
        ),
        (
            "sweep.yaml:9: training.lr",
            "found 'fast'; allowed: a number or 'auto'",
            "write e.g. `lr: auto`",
            "value-not-allowed",
        ),
        (
            "sweep.yaml:10: training.warmup",
            "found 1.5; allowed: values below 1",
            "write e.g. `warmup: 0.1`",
            "value-not-allowed",
        ),
        (
            "sweep.yaml:11: outptu_dir",
            f"there is no such field; allowed: {', '.join(sorted(SweepSpec.model_fields))}",
            "use 'output_dir'",
            "unknown-field",
        ),
    ]
    assert str(error).startswith(
        "6 problems in sweep.yaml:\n  1. sweep.yaml:1: model: no model is called 'tny'"
    )


def test_the_error_survives_pickling(written):
    error = refused(written(MISTAKES))
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.problems) == (str(error), error.problems)


def test_a_spec_without_a_file_is_told_its_fields_alone():
    error = refused({**MAPPING, "seeds": [0, 0]})
    assert str(error).startswith(
        "1 problem in the spec:\n  1. seeds: [0, 0] is not a list of one or more different"
    )


def test_a_plugin_that_crashes_on_its_options_is_named():
    with pytest.raises(
        PluginError, match=r"plugin 'tiny' \(registered at run time\) raised KeyError"
    ) as caught:
        load_spec({**MAPPING, "model": {"kind": "tiny", "name": "crash"}})
    assert caught.value.code == "plugin-raised"
    assert isinstance(caught.value.__cause__, KeyError)


# ---- files that are no spec


def test_a_tab_in_yaml_is_to_be_replaced(tmp_path):
    (tmp_path / "sweep.yaml").write_text("model: a\ndesign:\n\twindow: 3")
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "sweep.yaml")
    assert caught.value.fix == "replace the tab in line 3 by spaces"


@pytest.mark.parametrize(
    ("name", "text", "code", "says"),
    [
        (
            "sweep.yaml",
            "model: [a",
            "broken-syntax",
            "sweep.yaml:1: not readable as YAML: expected ',' or ']'",
        ),
        ("sweep.yaml", "model: a\n\tdata: b", "broken-syntax", "sweep.yaml:2: not readable as YAML"),
        (
            "sweep.yaml",
            "model: !!python/name:os.system",
            "broken-syntax",
            "could not determine a constructor",
        ),
        ("sweep.yaml", "a: 1\n---\nb: 2", "broken-syntax", "but found another document"),
        ("sweep.yaml", "model: a\ndata: 2024-13-45", "broken-syntax", "month must be in 1..12"),
        ("sweep.yaml", "model: a\x00", "broken-syntax", "special characters are not allowed"),
        (
            "sweep.yaml",
            "model: a\ntraining:\n  lr: 1\n  lr: 2",
            "repeated-key",
            "`training.lr` is written twice, on",
        ),
        ("sweep.yaml", "a: &x\n  b: *x\n", "missing-field", "4 problems"),
        ("sweep.yaml", "", "not-a-mapping", "sweep.yaml: holds nothing"),
        ("sweep.yaml", "# all commented out\n", "not-a-mapping", "holds nothing"),
        ("sweep.yaml", "- model", "not-a-mapping", "holds a value of type list"),
        (
            "sweep.toml",
            "model = ",
            "broken-syntax",
            "not readable as TOML: Invalid value (at end of document)",
        ),
        ("sweep.toml", "", "missing-field", "3 problems in sweep.toml"),
        (
            "sweep.json",
            '{\n"model": }',
            "broken-syntax",
            "sweep.json:2: not readable as JSON: Expecting value",
        ),
        ("sweep.json", "[" * 100_000, "broken-syntax", "not readable as JSON: maximum recursion"),
        ("sweep.json", "3", "not-a-mapping", "holds a value of type int"),
        (
            "sweep.py",
            "model = 1",
            "unknown-format",
            "'.py' is no format of a spec; formats: .yaml, .yml, .toml, .json",
        ),
        ("sweep", "model: a", "unknown-format", "sweep: 'no suffix' is no format of a spec"),
    ],
)
def test_an_unreadable_file_gives_one_clear_error(name, text, code, says, written):
    error = refused(written(text, name))
    assert error.code == code
    assert says in str(error)
    assert error.fix


def test_a_missing_file_suggests_its_neighbour(written):
    written(YAML)
    error = refused("swep.yaml")
    assert (error.code, error.problem, error.fix) == (
        "no-such-spec",
        "swep.yaml: no such file",
        "use sweep.yaml",
    )


def test_a_missing_file_without_neighbours_suggests_init(tmp_path):
    assert "flops-fit init --out new.yaml" in refused(tmp_path / "a.yaml").fix


@pytest.mark.parametrize("source", [".", "a\0.yaml", "x" * 5000 + ".yaml"], ids=["folder", "null", "long"])
def test_what_cannot_be_opened_is_refused(source, written):
    assert refused(source).code == "unreadable-spec"


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "model.yaml").write_bytes(b"\x80\x02\xff")
    assert refused(tmp_path / "model.yaml").code == "unreadable-spec"


def test_an_object_that_is_no_spec_is_refused():
    assert refused(3).problem == "found a value of type int; allowed: a path, a mapping or a SweepSpec"
