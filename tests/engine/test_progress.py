"""The pace of a sweep, and what it looks like."""

import io
from dataclasses import replace

import pytest

from flops_fit.engine import Progress, console_reporter
from flops_fit.engine.console import progress_line
from flops_fit.engine.progress import Tally, predicted_cost, shares_of
from flops_fit.runs import RunRecord

DONE = RunRecord(
    run_id="a",
    budget=1e9,
    size="w4",
    seed=0,
    n_params=41,
    n_params_nonembedding=41,
    n_units=100,
    flops=1e9,
    flops_6nd=1e9,
    loss=1.25,
    wall_s=10.0,
)
FAILED = replace(DONE, loss=None, status="failed", reason="ValueError: [no] such luck")
HALF = Progress(
    done=5,
    running=2,
    failed=0,
    total=10,
    flops_done=5e9,
    flops_total=1e10,
    eta_s=90.0,
    last=DONE,
    ended=False,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_eta_uses_the_measured_seconds_of_each_size_and_the_mean_pace_elsewhere(make_spec, plan_of):
    """First only one run of w2 has been timed; then w16 turns out to be slow."""
    plan = plan_of(make_spec(seeds=(0, 1)))
    shares = shares_of(plan.trunks)
    first = {run.size.name: run for run in plan.runs if run.seed == 0 and run.budget == plan.runs[0].budget}
    seen = []
    tally = Tally(shares, [], workers=1, report=seen.append)
    small, large = first["w2"], first["w16"]
    tally.add(replace(DONE, run_id=small.run_id, size="w2", wall_s=1.0))
    per_cost = 1.0 / shares[small.run_id].cost
    left = [share for share in shares.values() if share.run is not small]
    assert seen[-1].eta_s == pytest.approx(sum(share.cost * per_cost for share in left))
    before = seen[-1].eta_s
    tally.add(replace(DONE, run_id=large.run_id, size="w16", wall_s=100.0))
    assert seen[-1].eta_s > 10 * before


def test_a_sweep_lasts_no_shorter_than_its_longest_trunk(make_spec, plan_of):
    plan = plan_of(make_spec())
    shares, seen = shares_of(plan.trunks), []
    tally = Tally(shares, [], workers=99, report=seen.append)
    first = plan.trunks[0][0]
    tally.add(replace(DONE, run_id=first.run_id, size=first.size.name, wall_s=1.0))
    left = max(predicted_cost(trunk) for trunk in plan.trunks) - shares[first.run_id].cost
    assert predicted_cost(plan.trunks[0]) == max(map(predicted_cost, plan.trunks))
    assert seen[-1].eta_s == pytest.approx(left / shares[first.run_id].cost)
    assert seen[-1].running == len(plan.trunks)


def test_flops_of_shared_steps_are_counted_once(make_spec, plan_of):
    plan = plan_of(make_spec())
    seen = []
    with Tally(shares_of(plan.trunks), [], workers=1, report=seen.append):
        pass
    assert seen[0].flops_total == pytest.approx(plan.flops_executed)
    assert plan.flops_executed < 0.95 * plan.flops


def test_a_line_says_what_a_person_wants_to_know():
    assert progress_line(HALF) == (
        "5/10 runs | 5e+09 of 1e+10 FLOPs | about 90 s left | last: w4, seed 0, 1e+09 FLOPs: loss 1.2500"
    )


def test_plain_output_is_not_flooded():
    stream = io.StringIO()
    report = console_reporter(stream)
    for done in range(1, 10):
        report(replace(HALF, done=done))
    report(replace(HALF, done=10, ended=True))
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["1/10", "10/10"]


def test_a_run_without_a_loss_is_told_at_once():
    stream = io.StringIO()
    report = console_reporter(stream)
    report(HALF)
    report(replace(HALF, done=6, failed=1, last=FAILED))
    assert "w4, seed 0, 1e+09 FLOPs failed: ValueError: [no] such luck" in stream.getvalue()


def test_quiet_tells_failures_only_and_once():
    stream = io.StringIO()
    report = console_reporter(stream, quiet=True)
    for progress in (HALF, replace(HALF, last=FAILED), replace(HALF, last=FAILED, ended=True)):
        report(progress)
    assert stream.getvalue() == "w4, seed 0, 1e+09 FLOPs failed: ValueError: [no] such luck\n"


def test_a_terminal_shows_a_bar_and_leaves_the_last_state():
    stream = Terminal()
    report = console_reporter(stream)
    report(HALF)
    report(replace(HALF, done=6, failed=1, last=FAILED))
    report(replace(HALF, done=10, failed=1, ended=True))
    shown = stream.getvalue()
    assert "ValueError: [no] such luck" in shown
    assert "10/10 runs" in shown
