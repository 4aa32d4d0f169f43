"""What an audit says."""

import math
from dataclasses import replace

import pytest

from flops_fit.runs import Audit, RunRecord, audit_findings

ROW = RunRecord(
    run_id="a",
    budget=1e9,
    size="d8",
    seed=0,
    n_params=5e3,
    n_params_nonembedding=None,
    n_units=3e4,
    flops=1e9,
    flops_6nd=9e8,
    loss=2.5,
)
AUDIT = Audit(run_id="a", loss=2.5, status="completed", flops=1e9, wall_s=1.0)


def test_an_equal_loss_is_told_as_such():
    (finding,) = audit_findings([AUDIT], [ROW])
    assert (finding.code, finding.severity, finding.value) == ("audited", "info", 0.0)
    assert finding.message == "1 run was trained once more, alone: the loss is equal to the last bit."


def test_with_one_seed_two_thousandths_of_a_nat_are_taken_for_noise_and_called_assumed():
    """2·√2·0.002 = 0.0057."""
    (finding,) = audit_findings([replace(AUDIT, loss=2.505)], [ROW])
    assert finding.code == "audited"
    assert "seeds explain 0.0057 (assumed, because no seed was repeated)." in finding.message
    (finding,) = audit_findings([replace(AUDIT, loss=2.507)], [ROW])
    assert (finding.code, finding.severity) == ("audit-failed", "error")
    assert finding.value == pytest.approx(0.007)
    assert finding.threshold == pytest.approx(0.002 * 8**0.5)


def test_seeds_say_how_much_noise_there_is():
    """Two cells with differences of 0.2 and 0: the pooled variance is (0.02 + 0) / 2."""
    records = [
        ROW,
        replace(ROW, run_id="b", seed=1, loss=2.7),
        replace(ROW, run_id="c", size="d9"),
        replace(ROW, run_id="d", size="d9", seed=1),
    ]
    (finding,) = audit_findings([replace(AUDIT, loss=2.7)], records)
    assert finding.code == "audited"
    assert finding.threshold == pytest.approx(math.sqrt(8 * 0.01))
    assert "differs by 0.2 at most; seeds explain 0.28 (measured between seeds)." in finding.message


def test_the_worst_of_several_is_told():
    other = replace(ROW, run_id="b", size="d9")
    (finding,) = audit_findings([AUDIT, replace(AUDIT, run_id="b", loss=3.5)], [ROW, other])
    assert "Alone, d9 at 1e+09 FLOPs" in finding.message


def test_to_diverge_alone_only_is_a_failure_and_to_diverge_both_times_is_none():
    alone = replace(AUDIT, loss=None, status="diverged")
    assert audit_findings([alone], [ROW])[0].code == "audit-failed"
    assert audit_findings([alone], [replace(ROW, loss=None, status="diverged")])[0].code == "audited"


def test_an_audit_whose_run_has_no_row_says_nothing():
    assert audit_findings([AUDIT], []) == ()
    assert audit_findings([AUDIT], [replace(ROW, loss=None, status="failed", reason="no")]) == ()
