"""`flops-fit new-plugin` writes a valid plugin, and what it cannot write it refuses in one message."""

import ast
import importlib.util
import keyword
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flops_fit.cli import main
from flops_fit.errors import PluginError, StoreError
from flops_fit.plugins import load_plugins, new_plugin, use
from flops_fit_conformance.breach import verdict
from flops_fit_conformance.checks import CHECKS
from flops_fit_conformance.subjects import cases_of, plugin_of

ROOT = Path(__file__).parents[2]
IN_OTHER_PROCESSES = {"flops_fit_conformance.checks.processes", "flops_fit_conformance.checks.imports"}
"""Seconds each; `.ci/first-plugin` runs the whole suite on a skeleton."""


@pytest.fixture
def skeleton(site, tmp_path):
    """A skeleton called odd-name, installed the way pip does."""
    written = new_plugin("odd-name", tmp_path / "odd")
    shutil.copytree(written.directory / "src" / "odd_name", site / "odd_name")
    info = site / "odd_name-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-name\nVersion: 0.1.0\n")
    points = tomllib.loads((written.directory / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"{name} = {module}" for name, module in points["flops_fit"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[flops_fit]", *lines]))
    importlib.invalidate_caches()
    yield written
    use(None)


def test_a_skeleton_keeps_the_contract_as_generated(skeleton):
    cases = list(cases_of(plugin_of("odd_name")))
    breaches = [
        f"{check.__name__}, {case.name}: {breach}"
        for case in cases
        for check in CHECKS[case.group]
        if check.__module__ not in IN_OTHER_PROCESSES
        if (breach := verdict(check, case.make)) is not None
    ]
    assert breaches == []
    assert [case.group for case in cases].count("model") == 1
    assert [case.group for case in cases].count("flops") == 1


def test_a_skeleton_is_found_beside_the_other_plugins(skeleton):
    found = load_plugins()
    assert {offer.component for offer in found.offers if offer.kind == "odd_name"} == {"model", "flops"}
    assert found.failures == ()


def test_a_skeleton_pleases_our_own_linter(skeleton):
    config = ["--config", str(ROOT / "pyproject.toml"), "--config", "src=['src']", "--no-cache"]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *config, "src"],
            cwd=skeleton.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
def test_a_skeleton_is_typed(skeleton):
    """Nightly: reading torch's types takes mypy a minute."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(skeleton.directory / "src")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def package_of(name):
    return re.sub("[-_.]+", "_", name).lower()


NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,8}([-_.]{1,2}[a-zA-Z0-9]{1,6}){0,3}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(package_of(name)) and not importlib.util.find_spec(package_of(name))
)


@given(NAMES)
@example("a.b_c--d")
@example("X")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_allowed_name_gives_a_distribution_whose_parts_agree(tmp_path_factory, name):
    written = new_plugin(name, tmp_path_factory.mktemp("new") / "plugin")
    assert written.package == package_of(name)
    project = tomllib.loads((written.directory / "pyproject.toml").read_text())["project"]
    assert project["name"] == name
    assert project["entry-points"]["flops_fit"] == {written.package: f"{written.package}.plugin"}
    for file in written.files:
        text = (written.directory / file).read_text()
        assert "$" not in text
        if file.suffix == ".py":
            ast.parse(text)


@given(st.text(max_size=12).filter(lambda name: not name[:1].isascii() or not name[:1].isalpha()))
@example("")
@example("2x")
@example("-x")
@settings(max_examples=25)
def test_what_starts_with_no_letter_is_no_name_and_nothing_is_written(name):
    with pytest.raises(PluginError, match="cannot name a plugin") as caught:
        new_plugin(name, Path("must-not-exist"))
    assert caught.value.code == "bad-plugin-name"
    assert not Path("must-not-exist").exists()


@pytest.mark.parametrize("name", ["class", "model", "a b", "a/b", "über", "x-", "a\n"])
def test_names_that_mean_something_else_are_refused_with_one_that_works(name, tmp_path):
    with pytest.raises(PluginError, match="cannot name a plugin") as caught:
        new_plugin(name, tmp_path / "x")
    suggested = caught.value.fix.split()[-1]
    assert new_plugin(suggested, tmp_path / "y").package == suggested.replace("-", "_")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("gpt", "plugin 'gpt'"),
        ("traced", "flops 'traced'"),
        ("json", "the Python package 'json'"),
        ("flops-fit", "plugin 'flops_fit'"),
    ],
)
def test_names_that_something_has_are_refused(name, owner, tmp_path):
    with pytest.raises(PluginError, match=f"is taken by {owner}") as caught:
        new_plugin(name, tmp_path / "x")
    assert caught.value.code == "plugin-name-taken"
    assert not (tmp_path / "x").exists()


def test_a_directory_that_exists_is_kept_as_it_is(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(PluginError, match="exists and is kept") as caught:
        new_plugin("odd-name", tmp_path / "mine")
    assert caught.value.code == "directory-exists"
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        new_plugin("odd-name", tmp_path / "file" / "below")


def test_the_command_says_what_to_type_next_and_needs_no_torch(tmp_path):
    code = (
        "import sys; from flops_fit.cli import main; "
        "main(['new-plugin', 'odd-name']); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pip = "pip" if importlib.util.find_spec("pip") else "uv pip"
    assert done.stdout.splitlines()[-4:] == [
        f'  {pip} install -e "./odd-name[test]"',
        "  flops-fit plugins --check",
        "  flops-fit-conformance odd_name",
        "  flops-fit run odd-name/sweep.yaml",
    ]


def test_a_bad_name_is_exit_status_2(capsys):
    assert main(["new-plugin", "2x"]) == 2
    assert "see: flops-fit explain bad-plugin-name" in capsys.readouterr().err
