"""Whole sweeps of ViTs, from a spec to an answer, on data that repeat and data that do not."""

import re

import pytest
import yaml

import flops_fit
from flops_fit.config.load import load_spec
from flops_fit.config.probe import probe
from flops_fit.design import plan_sweep
from flops_fit.runs import RunStore


@pytest.fixture
def readme(root, tmp_path):
    """The spec that the README tells people to start from."""
    text = (root / "src/flops_fit_vit/README.md").read_text()
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    return yaml.safe_load(block[1]) | {"output_dir": tmp_path / "sweep"}


@pytest.fixture
def on_cifar10(cifar10, tmp_path):
    """Seven budgets of a few hundred images each, on the archive of `conftest.py`."""
    return {
        "model": {"kind": "vit", "patch_size": 16},
        "data": {"kind": "cifar10", "root": cifar10, "verify": False, "augment": ["flip"]},
        "loss": {"kind": "cross_entropy", "label_smoothing": 0.1},
        "fit": {"kind": "chinchilla"},
        "budgets": {"start": 4e7, "stop": 4e8, "count": 7},
        "design": {"sizes_per_budget": 4, "window": 8, "units_per_param": 0.4, "min_steps": 20},
        "training": {"batch_size": 8, "lr": 0.3, "workers": 1},
        "output_dir": tmp_path / "sweep",
    }


def test_the_readme_starts_from_a_spec_that_the_probes_pass(readme):
    spec = load_spec(readme)
    plan = plan_sweep(spec, probe(spec))
    assert len({run.budget for run in plan.runs}) == 7
    assert not [finding for finding in plan.findings if finding.severity != "info"]


def test_a_sweep_on_cifar_is_planned_trained_and_fitted(on_cifar10, tmp_path):
    """The same engine as for text; 300 training images repeat, and the plan says how often."""
    result = flops_fit.find_optimal(on_cifar10)
    found = {finding.code: finding for finding in result.diagnostics}
    assert 4 < found["many-epochs"].value < 16
    assert str(result.chinchilla_table([1e9])).startswith("UNRELIABLE"), "24 tiny runs determine nothing"
    with RunStore(tmp_path / "sweep" / "runs.sqlite", read_only=True) as store:
        runs = store.read()
    assert len(runs) >= 20
    assert all(run.status == "completed" and 0 <= run.metrics["accuracy"] <= 1 for run in runs)
    assert max(run.metrics["accuracy"] for run in runs) > 0.15


@pytest.mark.nightly
def test_the_sweep_of_the_readme_has_minima_inside_at_five_of_seven_budgets(readme, tmp_path):
    flops_fit.find_optimal(readme)
    with RunStore(tmp_path / "sweep" / "runs.sqlite", read_only=True) as store:
        runs = store.read()
    floor = load_spec(readme).data.bayes_loss()
    inside = 0
    for budget in {run.budget for run in runs}:
        by_size = [run.loss for run in runs if run.budget == budget]  # read in order of size
        inside += min(by_size) < min(by_size[0], by_size[-1])
        assert min(by_size) > floor
    assert inside >= 5
