"""What `flops-fit init` writes is a valid spec, and its comments are the fields' own docstrings."""

import json
import re

import pytest

from flops_fit.config import demo_spec, init_text, load_spec, write_initial_spec
from flops_fit.config.design import DesignSpec
from flops_fit.config.flow import flow
from flops_fit.config.presets import PRESETS
from flops_fit.config.spec import MIN_BUDGETS, SweepSpec
from flops_fit.config.training import TrainingSpec
from flops_fit.config.written import read_value
from flops_fit.errors import DataError, PluginError, SpecError, StoreError

pytestmark = pytest.mark.usefixtures("tiny")


def uncommented(text):
    return re.sub(r"^( *)#(\w+): ", r"\1\2: ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_valid_as_written(preset, tiny, tmp_path):
    write_initial_spec(tmp_path / "sweep.yaml", model="tiny", data="numbers", preset=preset)
    spec = load_spec(tmp_path / "sweep.yaml")
    assert (spec.model, spec.data) == (tiny.TinyModel(), tiny.TinyData())
    assert spec.budgets == PRESETS[preset].budgets.budgets()
    assert (spec.design, spec.training) == (PRESETS[preset].design, PRESETS[preset].training)
    assert len(spec.budgets) >= MIN_BUDGETS
    assert spec.budgets[-1] >= 10 * spec.budgets[0]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_commented_option_is_a_valid_default(preset, tmp_path):
    text = init_text("tiny", "numbers", preset)
    (tmp_path / "written.yaml").write_text(text)
    (tmp_path / "uncommented.yaml").write_text(uncommented(text))
    assert load_spec(tmp_path / "uncommented.yaml") == load_spec(tmp_path / "written.yaml")


def test_every_field_of_the_spec_and_of_the_components_is_shown_with_its_meaning():
    text = init_text("tiny", "numbers", "quick")
    words = " ".join(text.replace("#", " ").split())
    for cls in (SweepSpec, DesignSpec, TrainingSpec):
        for name, field in cls.model_fields.items():
            assert re.search(rf"^ *#?{name}:", text, re.MULTILINE)
            assert field.description in words
    assert read_value(uncommented(text))["model"].keys() >= {"kind", "depth", "activation", "rotary"}


def test_editors_find_every_option_of_every_plugin_in_the_schema_that_the_first_line_names(tmp_path):
    write_initial_spec(tmp_path / "mine.yaml", model="tiny", data="numbers")
    marker, _, name = (tmp_path / "mine.yaml").read_text().splitlines()[0].partition("$schema=")
    schema = json.loads((tmp_path / name).read_text())
    assert marker == "# yaml-language-server: "
    assert schema == SweepSpec.model_json_schema()
    assert schema["$defs"]["TinyModel"]["properties"].keys() >= {"depth", "activation", "rotary"}


def test_init_of_an_unknown_model_says_what_is_installed(tmp_path):
    with pytest.raises(PluginError, match="no model is called 'tinny'; installed: other, tiny"):
        write_initial_spec(tmp_path / "sweep.yaml", model="tinny", data="numbers")
    assert list(tmp_path.iterdir()) == []


def test_init_overwrites_nothing(tmp_path):
    (tmp_path / "sweep.yaml").write_text("mine")
    with pytest.raises(StoreError, match="exists and is kept") as caught:
        write_initial_spec(tmp_path / "sweep.yaml", model="tiny", data="numbers")
    assert (caught.value.code, caught.value.fix) == ("spec-exists", "add --out sweep-2.yaml")
    assert (tmp_path / "sweep.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_init_into_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be written") as caught:
        write_initial_spec(tmp_path / "nowhere" / "sweep.yaml", model="tiny", data="numbers")
    assert caught.value.code == "unwritable-spec"


@pytest.mark.parametrize(
    "value",
    [
        "gelu",
        "6nd",
        "a b",
        "no",
        "1e5",
        "",
        "a, b",
        "x: y",
        "#",
        "it's",
        None,
        True,
        3,
        0.25,
        1e-12,
        1e20,
        [],
        [1, "a"],
    ],
)
def test_values_are_written_so_that_yaml_reads_them_back(value):
    assert read_value(flow(value)) == value
    assert read_value(flow({"key": [value]})) == {"key": [value]}


class TestInstalled:
    """The demo needs the real components, not the tiny ones."""

    @pytest.fixture(autouse=True)
    def _installed(self, tiny, monkeypatch):
        from flops_fit import plugins

        monkeypatch.delenv("FLOPS_FIT_DISABLE_PLUGINS")
        plugins.use(None)

    def test_the_demo_trains_a_gpt_on_real_text_over_a_decade_of_compute(self, tmp_path):
        spec = demo_spec(tmp_path, seeds=2)
        assert (spec.model.kind, spec.data.kind, spec.seeds, spec.output_dir) == (
            "gpt",
            "stdlib_text",
            (0, 1),
            tmp_path,
        )
        assert len(spec.budgets) >= MIN_BUDGETS
        assert spec.budgets[-1] >= 10 * spec.budgets[0]

    def test_the_demo_needs_a_seed(self, tmp_path):
        with pytest.raises(SpecError, match="seeds: "):
            demo_spec(tmp_path, seeds=0)

    @pytest.mark.parametrize(
        ("model", "data", "code", "other"),
        [
            ("gpt", "gratings", "no-vocabulary", "stdlib_text"),
            ("vit", "stdlib_text", "no-images", "gratings"),
        ],
    )
    def test_init_refuses_a_model_that_takes_no_such_data(self, tmp_path, model, data, code, other):
        with pytest.raises(DataError) as caught:
            write_initial_spec(tmp_path / "sweep.yaml", model=model, data=data)
        assert (caught.value.code, caught.value.fix) == (
            code,
            f"add --data {other}, or choose another --model",
        )
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("data", ["tinystories", "text_files", "cifar10"])
    def test_init_takes_data_that_cannot_be_tried_here(self, tmp_path, data):
        write_initial_spec(tmp_path / "sweep.yaml", model="vit" if data == "cifar10" else "gpt", data=data)
        assert (tmp_path / "sweep.yaml").is_file()

    @pytest.mark.parametrize("preset", PRESETS)
    def test_init_describes_the_installed_components(self, preset, tmp_path):
        write_initial_spec(tmp_path / "sweep.yaml", model="gpt", data="stdlib_text", preset=preset)
        assert load_spec(tmp_path / "sweep.yaml").flops.kind == "traced"
