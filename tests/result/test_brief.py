"""What an interpreter shows of a result."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

import flops_fit
from flops_fit.result import ScalingResult, load


def test_a_result_is_three_lines(known_law):
    assert repr(ScalingResult(known_law, kept=Path("out"))) == (
        "ScalingResult: 'known' of 63 runs, 1.00e+15 to 1.00e+17 FLOPs\n"
        "  at 1.00e+17 FLOPs: N* 10.0M (8.33M to 12.0M), L* 2.946 (2.917 to 2.976), 95% intervals\n"
        "  reliable; kept in out"
    )


def test_a_bad_result_says_so(bad_law):
    assert repr(ScalingResult(bad_law)).splitlines()[-1] == (
        "  SIMULATED, UNRELIABLE (x; see .describe()); not kept: .save(DIR) does"
    )


def test_reservations_are_not_called_reliable(bad_law):
    law = replace(
        bad_law, findings=bad_law.findings[1:], points=replace(bad_law.points, origins=("trained",))
    )
    assert "  usable, with reservations (y; see .describe()); " in repr(ScalingResult(law))


def test_a_law_that_was_read_names_where(fitted, tmp_path):
    ScalingResult(fitted).save(tmp_path)
    assert repr(load(tmp_path)).endswith(f"kept in {tmp_path}")


def test_a_curve_shows_the_loss_at_its_end():
    pd = pytest.importorskip("pandas")
    runs = [{"N": 1e6, "D": d, "loss": 2 + 100 * d**-0.3} for d in (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)]
    shown = repr(flops_fit.fit_runs(pd.DataFrame(runs), form="m1", unit="token"))
    assert "at 1.00B tokens: L 2." in shown


@pytest.mark.parametrize("layout", ["markdown", "text", "latex", "csv", "html", "json"])
def test_a_table_is_shown_without_quotes_and_escapes(fitted, layout):
    table = ScalingResult(fitted).chinchilla_table([1e17], layout)
    assert repr(table) == str(table) == table
    assert isinstance(table, str)
    assert pickle.loads(pickle.dumps(table)) == table
