"""The tutorial of the first plugin shows the plugin that stands beside it, and that plugin is right.

`.ci/first-plugin` follows the page with built wheels, command by command.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from flops_fit.cli import main
from flops_fit.fit.forms import Chinchilla

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "first-plugin.md"
PLUGIN = PAGE.with_suffix("")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
SHOWN = dict(
    re.fullmatch(r"# first-plugin/(\S+)\n(.*)", block, re.DOTALL).groups()
    for _, block in BLOCKS
    if block.startswith("# first-plugin/")
)
APART = {"README.md", "ruff.toml", "benchmarks/lr_transfer.py"}
"""Files of the repository's example that a reader does not need."""


@pytest.mark.parametrize("name", SHOWN)
def test_a_file_is_shown_as_it_is(name):
    assert SHOWN[name] == (PLUGIN / name).read_text()


@pytest.fixture
def written(tmp_path, monkeypatch, capsys):
    """What the first command of the page writes, and what it prints."""
    monkeypatch.chdir(tmp_path)
    command = next(line for _, block in BLOCKS for line in block.splitlines() if "new-plugin" in line)
    assert main(command.split()[1:]) == 0
    return tmp_path / "first-plugin", capsys.readouterr().out


def test_what_new_plugin_prints_is_shown(written):
    assert ("text", written[1].replace("uv pip install", "pip install")) in BLOCKS  # as where pip is


def test_every_file_is_shown_or_stays_as_new_plugin_writes_it(written):
    ignored = {"__pycache__", ".pytest_cache", ".ruff_cache"}
    files = {p.relative_to(PLUGIN) for p in PLUGIN.rglob("*") if p.is_file() and not ignored & {*p.parts}}
    for name in sorted(files):
        if str(name) not in SHOWN and str(name) not in APART:
            assert (PLUGIN / name).read_text() == (written[0] / name).read_text()
    generated = {p.relative_to(written[0]) for p in written[0].rglob("*") if p.is_file()}
    assert generated <= files


@pytest.fixture
def form(monkeypatch):
    monkeypatch.syspath_prepend(PLUGIN / "src")
    from gated_ssm.form import Droppo

    return Droppo()


THETA = np.array([1.7, 400.0, 900.0, 0.34, 0.31, 1.4])
N, D = np.array([1e6, 3e7, 1e9]), np.array([5e7, 1e9, 4e10])


def test_without_coupling_its_form_is_the_plain_sum(form):
    plain = np.array([*THETA[:5], 1.0])
    assert form.predict(plain, N, D) == pytest.approx(Chinchilla().predict(plain[:5], N, D), rel=1e-12)


def test_its_jacobian_is_the_derivative_of_its_losses(form):
    steps = 1e-6 * THETA
    differences = [
        (form.predict(THETA + step, N, D) - form.predict(THETA - step, N, D)) / (2 * step.sum())
        for step in np.diag(steps)
    ]
    assert form.jacobian(THETA, N, D) == pytest.approx(np.stack(differences, axis=-1), rel=1e-6)


@pytest.mark.parametrize("flops_per_unit", [lambda n: 6 * n, lambda n: 6 * n + 5e3 * n**0.5])
def test_no_other_split_of_the_compute_has_less_loss(form, flops_per_unit):
    best = form.optimum(THETA, 1e20, flops_per_unit)
    sizes = np.geomspace(best.n_params / 100, best.n_params * 100, 4001)
    losses = form.predict(THETA, sizes, 1e20 / flops_per_unit(sizes))
    assert flops_per_unit(best.n_params) * best.n_units == pytest.approx(1e20)
    assert sizes[losses.argmin()] == pytest.approx(best.n_params, rel=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "test_the_scan_equals_the_recurrence_step_by_step",
        "test_the_counter_is_the_traced_count_plus_the_recurrence",
    ],
)
def test_its_own_tests_pass(name, monkeypatch):
    monkeypatch.syspath_prepend(PLUGIN / "src")
    spec = importlib.util.spec_from_file_location("their_tests", PLUGIN / "tests" / "test_gated_ssm.py")
    their_tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(their_tests)
    getattr(their_tests, name)()
