"""The pace of a sweep, and what it looks like."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from flops_fit.engine import Progress, console_reporter, interrupt
from flops_fit.engine.live import LivePicture
from flops_fit.engine.pace import Pace
from flops_fit.engine.progress import BudgetProgress, Tally
from flops_fit.engine.shares import predicted_cost, shares_of
from flops_fit.engine.words import progress_line
from flops_fit.quantities import Interval
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
    eta_interval=Interval(60.0, 400.0),
    last=DONE,
    budgets=(
        BudgetProgress(budget=1e9, done=4, total=5, best=DONE),
        BudgetProgress(budget=1e10, done=1, total=5, best=None),
    ),
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
        "5/10 runs | 5e+09 of 1e+10 FLOPs | about 90 s left (60 s to 7 min) | "
        "last: w4, seed 0, 1e+09 FLOPs: loss 1.2500"
    )


def test_plain_output_is_not_flooded():
    stream = io.StringIO()
    report = console_reporter(stream)
    for done in range(1, 10):
        report(replace(HALF, done=done))
    report(replace(HALF, done=10, ended=True))
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["1/10", "10/10"]


def test_the_end_is_told_once():
    stream = io.StringIO()
    report = console_reporter(stream)
    for ended in (False, True):
        report(replace(HALF, done=10, eta_s=0.0, ended=ended))
    assert len(stream.getvalue().splitlines()) == 1


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


def test_a_terminal_shows_a_picture_and_leaves_the_last_state():
    stream = Terminal()
    report = console_reporter(stream)
    report(HALF)
    assert interrupt.is_shown.is_set()
    report(replace(HALF, done=6, failed=1, last=FAILED))
    report(replace(HALF, done=10, failed=1, ended=True))
    shown = stream.getvalue()
    assert not interrupt.is_shown.is_set()
    assert "ValueError: [no] such luck" in shown
    assert "10/10 runs" in shown
    report(HALF)  # trials of learning rates are a sweep before the sweep
    assert interrupt.is_shown.is_set()
    report(replace(HALF, ended=True))


def pictured(progress, *, width, height):
    picture = LivePicture(io.StringIO())
    picture._progress = progress
    picture._console = Console(file=io.StringIO(), width=width, height=height)
    picture._console.print(picture.picture())
    return picture._console.file.getvalue().splitlines()


def test_the_picture_tells_how_far_each_budget_is_and_what_is_best():
    lines = pictured(replace(HALF, failed=1), width=80, height=24)
    assert lines[0] == "5/10 runs, 2 running, 1 without a loss | 5e+09 of 1e+10 FLOPs"
    assert lines[2] == "0:00:00 so far | about 90 s left (60 s to 7 min)"
    assert lines[-2].split() == ["1.00e+09", "4/5", "1.2500", "w4", "(41", "parameters)"]
    assert lines[-1].split() == ["1.00e+10", "1/5"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 24), (20, 24), (80, 7)])
def test_the_picture_never_wraps_and_fits_the_terminal(width, height):
    lines = pictured(replace(HALF, last=replace(DONE, size="w" * 99)), width=width, height=height)
    assert max(map(len, lines)) <= width
    assert len(lines) < height
    assert len(lines) == (6 if height > 7 else 3)


def test_the_picture_heeds_an_interruption_at_80_columns(monkeypatch):
    monkeypatch.setattr(interrupt, "is_wished", lambda: True)
    lines = pictured(HALF, width=80, height=24)
    assert lines[2] == "0:00:00 so far | saving after this step (Ctrl-C again ends at once)"


def test_scripts_get_one_object_per_run():
    stream = io.StringIO()
    report = console_reporter(stream, events=True)
    for progress in (
        replace(HALF, last=None),
        HALF,
        replace(HALF, last=FAILED, failed=1),
        replace(HALF, last=FAILED, ended=True),
    ):
        report(progress)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["start", "run", "run", "end"]
    assert events[1]["run"]["loss"] == 1.25
    assert events[2]["run"]["reason"] == "ValueError: [no] such luck"
    assert "run" not in events[3]
    assert events[1]["best_loss"] == {"1e+09": 1.25, "1e+10": None}
    assert events[1]["eta_interval"]["low"] == 60.0


def test_budgets_are_counted_and_their_best_runs_kept(make_spec, plan_of):
    plan = plan_of(make_spec(seeds=(0, 1)))
    seen = []
    tally = Tally(shares_of(plan.trunks), [], workers=1, report=seen.append)
    of_first = [run for run in plan.runs if run.budget == plan.runs[0].budget]
    for run, loss in zip(of_first, (3.0, 2.0, None, 2.5), strict=False):
        status = "completed" if loss else "diverged"
        tally.add(replace(DONE, run_id=run.run_id, size=run.size.name, loss=loss, status=status))
    first, *others = seen[-1].budgets
    assert (first.done, first.total, first.best.loss) == (len(seen), len(of_first), 2.0)
    assert all(other.done == 0 and other.best is None for other in others)


def test_the_eta_is_surer_the_more_sizes_have_been_timed(make_spec, plan_of):
    plan = plan_of(make_spec(seeds=(0, 1)))
    shares, widths = shares_of(plan.trunks), []
    tally = Tally(
        shares, [], workers=1, report=lambda p: widths.append(p.eta_interval.high / p.eta_interval.low)
    )
    for run in plan.runs[:-1]:
        wall_s = shares[run.run_id].cost * 1e-9
        if wall_s:
            tally.add(replace(DONE, run_id=run.run_id, size=run.size.name, wall_s=wall_s))
    assert widths[0] > 3
    assert widths[-1] < 1.5


def test_rich_is_loaded_for_terminals_only():
    code = (
        "import io, sys; from flops_fit.engine import console_reporter as report;"
        "report(io.StringIO()); sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_eta_separates_what_a_step_costs_from_what_its_flops_cost(make_spec, plan_of):
    """Two sizes have been timed; the third follows from both, on a machine where steps cost nothing extra."""
    plan = plan_of(make_spec(seeds=(0, 1)))
    shares, pace = shares_of(plan.trunks), Pace()
    sizes = sorted({run.size.n_params: run.size.name for run in plan.runs}.values())
    for share in shares.values():
        if share.run.size.name != sizes[-1]:
            pace.learn(share, share.flops * 1e-9)
    unseen = [share for share in shares.values() if share.run.size.name == sizes[-1]]
    assert pace.seconds(unseen, 1) == pytest.approx(1e-9 * sum(share.flops for share in unseen), rel=0.2)
