"""One learning rate for two widths two octaves apart: minutes of real training."""

import json
import subprocess
import sys

import pytest


@pytest.mark.nightly
def test_the_best_rate_hardly_moves_from_width_16_to_64(root):
    """Measured shift: 0.1 octaves."""
    assert measured(root, "u-muP")["spread_octaves"] <= 0.8


@pytest.mark.nightly
def test_the_measurement_sees_the_usual_parametrisation_drift(root):
    """Measured shift: about 1.8 octaves; without it the test above could not fail."""
    assert measured(root, "standard")["spread_octaves"] > 0.8


def measured(root, family):
    command = [
        sys.executable,
        root / "tests/benchmarks/lr_transfer.py",
        "--widths",
        "16",
        "64",
        "--families",
        family,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout.splitlines()[-1])[family]
    assert found["inside"], done.stdout
    return found
