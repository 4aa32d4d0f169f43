"""Curves of the loss over data: a table, a picture and JSON without a word about N*."""

from dataclasses import replace

import numpy as np
import pytest

from flops_fit.design import Finding
from flops_fit.errors import FitError
from flops_fit.fit import fit_law
from flops_fit.fit.curves import M2
from flops_fit.result import ScalingResult
from flops_fit.runs import RunRecord


@pytest.fixture(scope="module")
def result():
    """L = 0.3 + 400/D^0.5 for one size, 0.2% noise."""
    rng = np.random.default_rng(0)
    runs = [
        RunRecord(
            run_id=str(d),
            budget=None,
            size="",
            seed=0,
            n_params=3e8,
            n_params_nonembedding=None,
            n_units=float(d),
            flops=1.8e9 * d,
            flops_6nd=1.8e9 * d,
            loss=(0.3 + 400 * d**-0.5) * float(np.exp(0.002 * rng.normal())),
        )
        for d in np.geomspace(1e6, 1e9, 10)
    ]
    return ScalingResult(fit_law(runs, M2(), unit="pair"))


def test_a_curve_is_described_by_its_losses(result):
    table, fitted, *_ = result.describe().split("\n\n")
    header, _, *rows = table.splitlines()
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        "D (pairs)",
        "L",
        "L, 95%",
        "notes",
    ]
    assert len(rows) == 11
    assert rows[-1].startswith("| 10.0B")
    assert rows[-1].endswith("| [1]   |")
    assert "Fit 'm2' to 10 runs: E 0." in result.describe()
    assert "no best size" in result.describe()
    assert fitted.startswith(
        "L in nats per pair. 95%: intervals of what a run will show.\n[1] Extrapolated: 10"
    )


def test_what_a_finding_says_no_note_says_again(result):
    finding = Finding(code="x", severity="warning", message="Few runs.", action="add runs")
    told = ScalingResult(replace(result.law, findings=(finding,))).describe()
    assert told.count("Few runs.") == 1


def test_a_summary_holds_the_same_losses(result):
    points = result.summary()["curve"]
    assert points[-1]["extrapolation"] == pytest.approx(10)
    assert points[-1]["loss"] == pytest.approx(0.3 + 400 * 1e10**-0.5, rel=0.01)
    assert points[-1]["loss_interval"]["low"] < points[-1]["loss"] < points[-1]["loss_interval"]["high"]


def test_a_curve_is_drawn_over_the_data(result, tmp_path):
    (ax,) = result.plot().axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("D, pairs", "L, nats per pair")
    assert ax.get_xlim()[1] > 5e9
    assert result.save_plot(tmp_path / "curve.png").stat().st_size > 10_000


def test_a_curve_has_no_compute_optimal_table(result):
    with pytest.raises(FitError, match="no size N to choose"):
        result.chinchilla_table()
