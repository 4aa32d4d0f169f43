"""A fit with an error among its findings: shown, marked, and not to be had by accident."""

import json

import numpy as np
import pytest

from flops_fit.cli import main


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Fit three budgets, too few for a trend, and return the exit status and where the law is."""
    folder = tmp_path_factory.mktemp("unreliable")
    lines = ["N,D,loss"]
    for flops in (1e17, 1e18, 1e19):
        for n in 0.09 * flops**0.5 * np.geomspace(1 / 8, 8, 9):
            d = flops / (6 * n)
            lines.append(f"{n},{d},{1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658}")
    (folder / "runs.csv").write_text("\n".join(lines))
    return main(["fit", str(folder / "runs.csv"), "--out", str(folder)]), folder


def test_the_fit_exits_with_3_and_says_why_above_its_numbers(kept, capsys):
    status, folder = kept
    assert status == 3
    assert main(["table", str(folder)]) == 3
    assert capsys.readouterr().out.startswith("UNRELIABLE: 3 budgets: the intervals rest on assumptions")


def test_a_prediction_is_refused_until_its_doubts_are_accepted(kept, capsys):
    _, folder = kept
    assert main(["predict", str(folder), "--flops", "1e19"]) == 2
    assert "--accept-unreliable" in capsys.readouterr().err
    assert main(["predict", str(folder), "--flops", "1e19", "--accept-unreliable"]) == 3
    banner, answer = capsys.readouterr().out.splitlines()[:2]
    assert banner.startswith("UNRELIABLE: 3 budgets: the intervals rest on assumptions")
    assert answer.startswith("With 1.00e+19 FLOPs")


def test_an_accepted_prediction_is_marked_for_programs_too(kept, capsys):
    _, folder = kept
    assert main(["predict", str(folder), "--flops", "1e19", "--accept-unreliable", "--json"]) == 3
    (prediction,) = json.loads(capsys.readouterr().out)
    (banner,) = prediction["banners"]
    assert banner.startswith("UNRELIABLE: 3 budgets")
