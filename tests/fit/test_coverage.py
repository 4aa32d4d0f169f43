"""Intervals hold the truth as often as they claim, by simulation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "coverage.py"
SCENARIOS = ["S1", "S2", "S4", "S5"]


@pytest.mark.nightly
def test_95_percent_intervals_hold_the_truth_95_times_in_a_hundred():
    """Acceptance test D."""
    run = subprocess.run(
        [sys.executable, BENCHMARK, "--replicates", "200", "--draws", "300", "--scenarios", *SCENARIOS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    coverage = json.loads(run.stdout.splitlines()[-1])["coverage"]
    assert sorted(coverage) == SCENARIOS
    for shares in coverage.values():  # the standard error of each is .015
        assert all(0.91 <= share <= 0.98 for share in shares)
