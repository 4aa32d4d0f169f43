"""What a sweep will cost: the schedule, the memory, what is left of it, and what stands in its way."""

import signal
from dataclasses import replace
from itertools import chain

import pytest

from flops_fit.cli import main
from flops_fit.engine import cost, describe_estimate, memory, run_sweep, stopwatch
from flops_fit.engine.calibrate import Pass
from flops_fit.engine.checkpoint import Folder
from flops_fit.engine.cost import estimate_sweep
from flops_fit.engine.curve import held_out_slots
from flops_fit.engine.loop import advance, set_up
from flops_fit.engine.rehearse import Rehearsal
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.state import State
from flops_fit.engine.stopwatch import Timing
from flops_fit.engine.sweep import trunks_left
from flops_fit.errors import TrainingError

SECONDS = {"cpu_share": 1.0, "set_up_s": 1.0, "save_s": 0.5, "load_s": 0.25, "evaluation_s": 2.0}


def timing(run, step_s):
    return Timing(run_id=run.run_id, steps_s=(step_s,) * 5, peak_bytes=0, watts=None, **SECONDS)


def on_a_busy_machine(found):
    return replace(found, timings=tuple(replace(timing, cpu_share=0.5) for timing in found.timings))


def rehearsal_of(trunks, workers=2, start_up_s=10.0, slower=1.0, **options):
    """Steps of 1 ms for every size, in two passes of which the second may be slower."""
    runs = [trunk[-1] for trunk in trunks]
    passes = [
        Pass(start_up_s=start_up_s, timings=tuple(timing(run, 0.001 * pace) for run in runs))
        for pace in (1.0, slower)
    ]
    return Rehearsal.of(trunks, passes, workers=workers, **({"checkpoint_s": 1e9, "saved": {}} | options))


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(stopwatch, "BLOCK_S", 0.002)


@pytest.fixture(scope="module")
def trunks(make_spec, plan_of):
    return trunks_left(plan_of(make_spec(training={"batch_size": 16, "audit": 0})), (), ())


@pytest.fixture
def spec(make_spec, tmp_path):
    return make_spec(output_dir=tmp_path / "out")


def test_a_trunk_takes_its_steps_its_evaluations_and_its_forks(trunks):
    trunk = next(trunk for trunk in trunks if len(trunk) == 2)
    first, second = trunk
    n_steps = first.n_steps + second.n_steps - first.branch_step
    on_the_way = len(held_out_slots(first)) + sum(step > first.branch_step for step in held_out_slots(second))
    expected = 1.0 + 0.001 * n_steps + 2.0 * (2 + on_the_way) + 0.5 + 0.25
    assert rehearsal_of(trunks).seconds(trunk) == pytest.approx(expected)


def test_saving_in_flight_costs_time_and_what_is_saved_costs_none(trunks):
    trunk = trunks[0]
    plain = rehearsal_of(trunks).seconds(trunk)
    assert rehearsal_of(trunks, checkpoint_s=5.0).seconds(trunk) > plain + 0.5
    saved = rehearsal_of(trunks, saved={trunk[0].run_id: 40}).seconds(trunk)
    assert saved == pytest.approx(plain - 0.04)


def test_trunks_go_to_the_process_that_is_free_first(trunks):
    rehearsal = rehearsal_of(trunks)
    assert rehearsal._schedule([5.0, 3.0, 4.0, 1.0], 10.0) == 10.0 + 3.0 + 4.0
    total = sum(map(rehearsal.seconds, trunks))
    assert rehearsal_of(trunks, workers=1, start_up_s=0.0).wall_s == pytest.approx(total)
    assert 10.0 + total / 2 <= rehearsal.wall_s <= 10.0 + total


def test_the_interval_holds_the_estimate_and_widens_with_a_restless_machine(trunks):
    calm, restless = rehearsal_of(trunks), rehearsal_of(trunks, slower=1.5)
    assert calm.wall_s in calm.interval
    assert 0.15 < (calm.interval.high - calm.interval.low) / calm.wall_s < 0.25
    assert restless.interval.high - restless.interval.low > 2 * (calm.interval.high - calm.interval.low)


def test_a_busy_machine_is_told_and_may_be_twice_as_fast_when_it_is_not(spec, plan_of, monkeypatch):
    plan = plan_of(spec)
    quiet = rehearsal_of(trunks := trunks_left(plan, (), ()))
    half = replace(quiet, cpu_share=0.5)
    assert half.interval.low == pytest.approx(quiet.interval.low / 2)
    assert half.interval.high == quiet.interval.high
    measure = cost.calibrate
    monkeypatch.setattr(
        cost, "calibrate", lambda *args, **options: tuple(map(on_a_busy_machine, measure(*args, **options)))
    )
    found = estimate_sweep(plan, spec, trunks)
    assert found.cpu_share == 0.5
    assert "a process had 50% of a core" in describe_estimate(found)


def test_an_estimate_trains_nothing_and_counts_everything_that_is_left(spec, plan_of, tmp_path):
    plan = plan_of(spec)
    left = trunks_left(plan, (), ())
    found = estimate_sweep(plan, spec, left, price_per_hour=36.0)
    assert (found.runs_left, found.runs_total, found.workers) == (10, 10, 1)
    assert found.wall_s.value in found.wall_s.interval
    assert found.price.value == pytest.approx(found.wall_s.value / 100)
    assert found.device_hours.value == pytest.approx(found.wall_s.value / 3600)
    steps = {cost.size: cost.n_steps for cost in found.sizes}
    assert sum(steps.values()) > sum(run.n_steps for run in chain.from_iterable(plan.trunks)) * 0.5
    assert found.memory.peak_bytes > found.memory.state_bytes
    assert list(tmp_path.iterdir()) == []
    text = describe_estimate(found)
    assert "10 of 10 runs are left" in text
    assert all(size in text for size in steps)


def test_what_is_finished_costs_nothing(spec, plan_of, store):
    plan = plan_of(spec)
    run_sweep(replace(plan, runs=plan.runs[:4], audited=()), spec, store)
    left = trunks_left(plan, store.read(), store.audits())
    assert estimate_sweep(plan, spec, left).runs_left == 6
    run_sweep(plan, spec, store)
    done = estimate_sweep(plan, spec, trunks_left(plan, store.read(), store.audits()))
    assert (done.runs_left, done.wall_s.value, done.memory) == (0, 0.0, None)
    assert "nothing is left" in describe_estimate(done)


def test_steps_in_a_checkpoint_are_not_taken_again(spec, plan_of):
    trunk = next(trunk for trunk in plan_of(spec).trunks if len(trunk) == 2)
    assert cost._steps_saved(trunk, spec) == 0
    with reproducible(0):
        trainee = set_up(trunk[0], spec)
        advance(trainee, 30)
        directory = spec.output_dir / "checkpoints" / trunk[0].trunk
        Folder(directory=directory, trunk=trunk[0].trunk, rank=0).save("trunk", State.of(trainee))
    assert cost._steps_saved(trunk, spec) == 30
    assert cost._steps_saved(trunk[1:], spec) == 30


@pytest.mark.nightly
def test_processes_side_by_side_are_calibrated_side_by_side(make_spec, plan_of, tmp_path):
    spec = make_spec(output_dir=tmp_path, training={"batch_size": 16, "workers": 2})
    plan = plan_of(spec)
    found = estimate_sweep(plan, spec, trunks_left(plan, (), ()))
    assert found.workers == found.memory.processes == 2
    assert found.device_hours.value == pytest.approx(2 * found.wall_s.value / 3600)
    assert found.memory.needed_bytes == 2 * found.memory.peak_bytes


# ---- memory


def test_states_are_counted_to_the_byte(spec, plan_of):
    size = plan_of(spec).runs[-1].size
    assert memory.state_bytes(size, spec) == 4 * 4 * size.n_params


@pytest.mark.parametrize("of_states", [0.9, 1.1])
def test_what_cannot_fit_is_refused(spec, plan_of, monkeypatch, of_states):
    """By its states before a step is taken, and by what was measured after that."""
    plan = plan_of(spec)
    trunks = trunks_left(plan, (), ())
    largest = max(plan.runs, key=lambda run: run.size.n_params).size
    free = int(of_states * memory.state_bytes(largest, spec))
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    monkeypatch.setattr(cost, "free_bytes", lambda: free)
    said = "weights, gradients and moments" if of_states < 1 else f"process that trains {largest.name}"
    with pytest.raises(TrainingError, match=said) as refusal:
        estimate_sweep(plan, spec, trunks)
    assert refusal.value.code == "out-of-memory"


# ---- what goes wrong


def test_a_size_that_raises_is_named(make_spec, plan_of, parts):
    spec = make_spec(model=parts.Trouble(width=4, deed="raise"))
    plan = plan_of(spec)
    with pytest.raises(TrainingError, match=r"w4 raised.*haunted"):
        estimate_sweep(plan, spec, trunks_left(plan, (), ()))


def test_a_process_that_dies_is_told_apart(make_spec, plan_of, parts):
    spec = make_spec(model=parts.Trouble(width=4, deed="die"), training={"batch_size": 16, "workers": 2})
    plan = plan_of(spec)
    with pytest.raises(TrainingError, match=f"exit status -{signal.SIGKILL.value}.*memory runs out"):
        estimate_sweep(plan, spec, trunks_left(plan, (), ()))


# ---- the command


def test_the_command_reads_a_spec_and_plan_points_to_it(tmp_path, capsys):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(
        "model: gpt\ndata: {kind: stdlib_text, length: 16, eval_rows: 8}\n"
        "budgets: {start: 3.0e+8, stop: 1.2e+9, count: 3}\nallow_thin_sweep: true\n"
        "design: {sizes_per_budget: 3, window: 8, n_min: 4000, min_steps: 4}\n"
        f"training: {{batch_size: 4, workers: 1}}\noutput_dir: {tmp_path / 'out'}\n"
    )
    assert main(["plan", str(spec)]) == 0
    assert f"next: flops-fit estimate {spec}" in capsys.readouterr().err
    assert main(["estimate", str(spec), "--price-per-hour", "3"]) == 0
    told = capsys.readouterr().out
    assert all(part in told for part in ("wall-clock: ", "core-hours: ", "price: ", "memory: "))
    assert not (tmp_path / "out").exists()
