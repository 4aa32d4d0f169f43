"""The command: known failures are declared, strict, and never out of date."""

import subprocess
import sys

import pytest

from flops_fit_conformance.known_failures import BadDeclaration, read_known_failures, refuse_stale

TABLE = "[tool.flops-fit-conformance.known-failures]\n"


def test_known_failures_are_read_with_their_reasons(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f'{TABLE}"check_x-model.y" = "not yet"\n')
    assert read_known_failures(tmp_path) == {"check_x-model.y": "not yet"}


def test_without_a_declaration_there_are_none(tmp_path):
    assert read_known_failures(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_known_failures(tmp_path) == {}


def test_a_known_failure_needs_a_reason(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f'{TABLE}"check_x-model.y" = " "\n')
    with pytest.raises(BadDeclaration, match=r"'check_x-model\.y' needs a reason"):
        read_known_failures(tmp_path)


def test_a_known_failure_of_nothing_is_refused():
    with pytest.raises(BadDeclaration, match=r"'check_x-model\.y', which nothing here is called"):
        refuse_stale({"check_x-model.y": "not yet"}, ["check_x-model.z"])


LOSS = """
import math
from typing import Literal
from flops_fit import LossFunction, hookimpl

flops_fit_api_version = 1

class Bits(LossFunction):
    kind: Literal["bits"] = "bits"
    def __call__(self, outputs, batch):
        from torch.nn.functional import cross_entropy
        return cross_entropy(outputs.reshape(-1, outputs.shape[-1]), batch["labels"].flatten()) / math.log(2)
    def uniform_loss(self, data):
        return math.log2(data.n_classes)

@hookimpl
def flops_fit_losses():
    return [Bits]
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Install a plugin whose loss is in bits, and run the command on it."""
    site = tmp_path / "site"
    for name, group, points in (
        ("bits", "flops_fit", "bits = bits"),
        ("suite", "pytest11", "flops_fit_conformance = flops_fit_conformance.pytest_plugin"),
    ):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{points}\n")
    (site / "bits.py").write_text(LOSS)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, known=""):
        (tmp_path / "pyproject.toml").write_text(TABLE + known)
        command = [sys.executable, "-m", "flops_fit_conformance", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.nightly
def test_a_breach_is_one_line_and_a_declared_one_is_no_failure(run):
    done = run("bits", "-k", "nats or uniform")
    assert done.returncode == 1
    assert (
        "check_loss_is_a_mean_in_nats, loss.bits: found 5.9307 for equal logits; should be ln 61"
        in done.stdout
    )
    declared = '"check_loss_is_a_mean_in_nats-loss.bits" = "compressors count in bits"\n'
    done = run("bits", "-k", "nats or uniform", known=declared)
    assert done.returncode == 0
    assert "compressors count in bits" in done.stdout


@pytest.mark.nightly
def test_a_declared_failure_that_passes_is_an_error(run):
    done = run("bits", "-k", "uniform", known='"check_uniform_loss-loss.bits" = "it once failed"\n')
    assert done.returncode == 1
    assert "[XPASS(strict)] it once failed" in done.stdout


@pytest.mark.nightly
def test_the_command_says_what_is_wrong_with_how_it_is_called(run):
    assert "which plugin? --flops-fit-plugin NAME; installed: flops_fit, bits" in run().stderr
    assert "nope is not installed; installed: flops_fit, bits" in run("nope").stderr
    assert (
        "'check_x-loss.bits', which nothing here is called"
        in run("bits", known='"check_x-loss.bits" = "?"').stderr
    )


@pytest.mark.nightly
def test_the_command_lists_every_clause(run):
    assert "* `check_uniform_loss`: " in run("--list").stdout
