"""Plugins as a whole: what is wrong with one is found before any of its components is tried."""

import importlib
import os
import sys

import pytest

from flops_fit_conformance.breach import verdict
from flops_fit_conformance.checks import CHECKS, imports, plugin
from flops_fit_conformance.subjects import cases_of, plugin_of

GOOD = """
from typing import Literal
from flops_fit import LossFunction, hookimpl

flops_fit_api_version = 1

class Loss(LossFunction):
    kind: Literal["acme"] = "acme"
    def __call__(self, outputs, batch):
        return outputs

@hookimpl
def flops_fit_losses():
    return [Loss]
"""

BROKEN = {
    plugin.check_plugin_imports: ("raise ImportError('no such accelerator')", "no such accelerator"),
    plugin.check_api_version: (GOOD.replace("version = 1", "version = 7"), "flops_fit_api_version = 7"),
    plugin.check_hook_names: (
        GOOD.replace("def flops_fit_losses", "def flops_fit_lossess"),
        "flops_fit_lossess",
    ),
    plugin.check_offers_are_components: (GOOD.replace("return [Loss]", "return [Loss()]"), "returned Loss("),
    plugin.check_names_are_free: (
        GOOD.replace('"acme"', '"cross_entropy"'),
        "is offered by plugin 'flops_fit'",
    ),
    imports.check_import_needs_no_torch: ("import torch\n" + GOOD, "by"),
    imports.check_import_changes_nothing: (
        "import os, random\nrandom.seed(0)\nos.environ['ACME'] = '1'\n" + GOOD,
        "the environment, the random state of `random` changed",
    ),
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin called acme the way pip does: a module beside its dist-info."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "ENVIRONMENT", {**os.environ, "PYTHONPATH": str(tmp_path)})

    def install(source):
        (tmp_path / "acme.py").write_text(source)
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[flops_fit]\nacme = acme\n")
        importlib.invalidate_caches()
        imports._observed.cache_clear()
        return plugin_of("acme")

    yield install
    sys.modules.pop("acme", None)
    os.environ.pop("ACME", None)


@pytest.mark.parametrize("check", BROKEN, ids=lambda check: check.__name__)
def test_a_broken_plugin_is_caught_by_the_check_named_for_its_fault(install, check):
    source, words = BROKEN[check]
    breach = verdict(check, lambda: install(source))
    assert breach is not None
    assert words in str(breach)


def test_there_is_a_broken_plugin_for_every_check():
    assert set(CHECKS["plugin"]) == set(BROKEN)


def test_a_healthy_plugin_passes_every_check_and_its_components_are_found(install):
    acme = install(GOOD)
    assert [str(breach) for check in CHECKS["plugin"] if (breach := verdict(check, lambda: acme))] == []
    assert [(case.group, case.name) for case in cases_of(acme)] == [
        ("plugin", "plugin.acme"),
        ("component", "loss.acme"),
        ("loss", "loss.acme"),
    ]
