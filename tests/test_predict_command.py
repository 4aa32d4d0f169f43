"""`flops-fit predict` typed by somebody who has read no manual."""

import json
import re

import pytest

from flops_fit import fit_runs
from flops_fit.cli import main
from flops_fit.runs import RunStore


@pytest.fixture(scope="module")
def law(tmp_path_factory):
    """Chinchilla's surface, up to 6e18 FLOPs."""
    out = tmp_path_factory.mktemp("law")
    rows = [
        f"{n},{d},{1.8 + 480 * n**-0.35 + 2000 * d**-0.37:.6f}"
        for n in (1e7, 2e7, 4e7, 8e7, 1.6e8, 3.2e8)
        for d in (4e8, 8e8, 1.6e9, 3.2e9)
    ]
    (out / "runs.csv").write_text("\n".join(["N,D,loss", *rows]))
    fit_runs(out / "runs.csv", form="chinchilla", unit="token", out=out)
    return str(out)


def answers(capsys, law, *asked):
    assert main(["predict", law, *asked, "--json", "--accept-unreliable"]) in {0, 3}
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("written", "meant"), [("40M", 4e7), ("0.1b", 1e8), ("0.1G", 1e8), ("20000K", 2e7), ("0.0001T", 1e8)]
)
def test_a_count_is_read_as_the_output_writes_it(law, capsys, written, meant):
    (answer,) = answers(capsys, law, "--n-params", written)
    assert answer["n_params"] == pytest.approx(meant)


@pytest.mark.parametrize("written", ["20Q", "K", "", "1e", "2 M B"])
def test_what_is_no_count_says_how_to_write_one(law, capsys, written):
    assert main(["predict", law, "--n-params", written]) == 2
    assert f"{written!r} is no number; write e.g. 20000, 2e4 or 20K" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--size", "--n-params"),
        ("--params", "--n-params"),
        ("--tokens", "--n-units"),
        ("--compute", "--flops"),
        ("--budget", "--flops"),
    ],
)
def test_an_option_that_does_not_exist_names_the_one_that_was_meant(law, capsys, option, meant):
    assert main(["predict", law, option, "20000"]) == 2
    told = capsys.readouterr().err
    assert f"unrecognized arguments: {option} 20000\n  fix: did you mean {meant} (" in told
    assert told.endswith("see: flops-fit explain bad-command-line\n")


@pytest.mark.parametrize("option", ["--flop", "--n-par"])
def test_an_abbreviation_is_no_option_but_names_the_one_it_may_mean(law, capsys, option):
    assert main(["predict", law, option, "1e18"]) == 2
    assert (
        f"unrecognized arguments: {option} 1e18\n  fix: did you mean {option[:5]}" in capsys.readouterr().err
    )


def test_an_option_like_no_other_names_none(law, capsys):
    assert main(["predict", law, "--xyzzy", "1"]) == 2
    assert "fix: see what it takes: flops-fit predict --help\n" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--flops", "--n-params", "--loss"])
def test_a_negative_amount_is_refused_as_such(law, capsys, option):
    """Argparse alone would take -1e20 for an option."""
    assert main(["predict", law, option, "-1e20"]) == 2
    assert "-1e+20" in capsys.readouterr().err


def test_compute_far_below_every_run_is_refused_too(law, capsys):
    assert main(["predict", law, "--flops", "1"]) == 2
    assert "1 FLOPs is 2.4e+16 times below the smallest budget trained" in capsys.readouterr().err
    assert main(["predict", law, "--flops", "1", "--accept-unreliable"]) == 3
    assert "NOT SUPPORTED: 2.4e+16 times below the smallest budget trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "fix"),
    [
        ("", "give one of: --flops 1e18, --gpu-hours 10, --n-params 1e8, --n-units 2e9 or --loss 2.5"),
        ("--inference-units 1e9", "add --flops 1e18 (training and serving together) or --loss 2.5"),
        ("--flops 1e18 --loss 2", "give one of: --flops; --n-params; --n-units; --loss; --flops with"),
        ("--flops 1e30", "or take the number as it is: --accept-unreliable"),
        ("--flops -1", "ask e.g. for --flops 1e18"),
    ],
)
def test_a_fix_is_spelt_as_options(law, capsys, asked, fix):
    assert main(["predict", law, *asked.split()]) == 2
    assert fix in capsys.readouterr().err


@pytest.mark.parametrize("answered", [["1e17", "1e18"], []])
def test_budgets_that_are_refused_are_one_error_and_spoil_no_other_answer(law, capsys, answered):
    assert main(["predict", law, "--json", "--flops", "1e30", *answered, "1", "1e31"]) == 2
    told = capsys.readouterr()
    assert [answer["flops"] for answer in json.loads(told.out or "[]")] == list(map(float, answered))
    assert told.err.count("flops-fit: ") == told.err.count("  fix: ") == told.err.count("see: ") == 1
    for budget in ("1e+30 FLOPs is ", " 1 FLOPs is ", "1e+31 FLOPs is "):
        assert told.err.count(budget) == 1
    assert "fix: train budgets nearer to it; or take the number as it is: --accept-unreliable\n" in told.err
    assert "explain far-extrapolation" in told.err


@pytest.mark.parametrize(
    ("written", "meant"), [("1,000,000", "1000000"), ("1e18,1e19", "1e18 1e19"), ("1,5B", "1.5B")]
)
def test_commas_in_numbers_are_refused_with_what_to_write(law, capsys, written, meant):
    assert main(["predict", law, "--flops", written]) == 2
    assert f"fix: write it without commas: --flops {meant}\n" in capsys.readouterr().err
    assert main(["predict", law, "--flops", *meant.split(), "--accept-unreliable"]) in (0, 3)


def test_digits_may_be_grouped_by_underscores(law, capsys):
    assert main(["predict", law, "--flops", "1_000_000_000_000_000_000"]) == 0
    assert capsys.readouterr().out.startswith("With 1.00e+18 FLOPs ")


def test_only_what_is_given_is_called_given(law, capsys):
    assert main(["predict", law, "--flops", "1e18", "--n-units", "2B"]) == 0
    shown = capsys.readouterr().out
    assert "\n  N  follows from what is given\n" in shown
    assert "\n  D  given; " in shown


@pytest.mark.parametrize("command", ["predict", "table", "report"])
@pytest.mark.parametrize(("flops", "status"), [("1e18", 0), ("1e30", 3)])
def test_an_answer_asked_for_that_is_not_supported_exits_as_an_unreliable_one(
    law, capsys, tmp_path, command, flops, status
):
    options = {"predict": ["--accept-unreliable"], "table": [], "report": ["--out", str(tmp_path / "r.html")]}
    assert main([command, law, "--flops", flops, *options[command]]) == status
    told = capsys.readouterr().out
    assert ("NOT SUPPORTED" in told) == (status == 3 and command != "report")


@pytest.mark.parametrize(("asked", "amount"), [("--n-params", "1e15"), ("--loss", "1.801")])
def test_what_an_amount_of_compute_answers_its_size_and_loss_answer_too(law, capsys, asked, amount):
    assert main(["predict", law, asked, amount]) == 2
    assert "times the largest budget trained" in capsys.readouterr().err
    assert main(["predict", law, asked, amount, "--accept-unreliable"]) == 3
    assert "NOT SUPPORTED: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "amount", "called"),
    [
        ("--n-params", "1e35", "a size of 1e+35 parameters"),
        ("--n-units", "1e35", "an amount of 1e+35 tokens"),
        ("--loss", "1.5", "a loss of 1.500"),
    ],
)
def test_what_is_out_of_reach_is_told_in_the_notation_of_answers(law, capsys, asked, amount, called):
    assert main(["predict", law, asked, amount, "--accept-unreliable"]) == 2
    told = capsys.readouterr().err
    assert f"Nowhere between 1.00e+00 and 1.00e+40 FLOPs is {called} compute-optimal" in told
    ends = r"\d\.\d{3} and \d\.\d{3}" if asked == "--loss" else r"[\d.]+M and [\d.]+[MB]"
    assert re.search(f"ask for something between {ends}, which", told)


def test_a_sweep_under_way_says_how_it_goes_on_and_plot_what_it_can_draw(tmp_path, capsys):
    RunStore(tmp_path / "runs.sqlite").close()
    (tmp_path / "spec.json").write_text('{"spec": {"model": {"kind": "gpt"}}}')
    for command in ("plot", "predict", "table", "report", "checklist"):
        assert main([command, str(tmp_path), *(["--flops", "1e18"] if command == "predict" else [])]) == 2
        told = capsys.readouterr().err
        assert f"There is no law in {tmp_path} yet: its sweep is under way or was stopped" in told
        again = f"go on with it: flops-fit run {tmp_path / 'spec.json'}"
        assert f"{again}; or fit the runs that it has: flops-fit fit {tmp_path} --out" in told
        curves = f"the losses so far: flops-fit plot {tmp_path} --curves\n"
        assert (curves in told) == (command == "plot")


def test_a_sweep_of_own_objects_goes_on_by_the_call_that_began_it(tmp_path, capsys):
    RunStore(tmp_path / "runs.sqlite").close()
    (tmp_path / "spec.json").write_text('{"spec": {"model": {"kind": "python_model"}}}')
    assert main(["table", str(tmp_path)]) == 2
    assert "go on with it by the call that began it; or fit" in capsys.readouterr().err


def test_a_sweep_of_which_no_run_has_ended_has_no_curves_yet(tmp_path, capsys):
    RunStore(tmp_path / "runs.sqlite").close()
    assert main(["plot", str(tmp_path), "--curves"]) == 2
    assert "no run of it has ended yet.\n  fix: wait for the first, or go on with" in capsys.readouterr().err
