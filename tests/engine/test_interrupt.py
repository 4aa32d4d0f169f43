"""Ctrl-C and SIGTERM: the step is finished, the state saved, and the next start goes on from there."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flops_fit.engine import interrupt, run_sweep
from flops_fit.runs import RunStore

SWEEP = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from flops_fit.engine import run_sweep
from flops_fit.runs import RunStore
plan, spec = pickle.loads(Path(sys.argv[2]).read_bytes())
with RunStore(Path(sys.argv[3])) as store:
    try:
        run_sweep(plan, spec, store, report=lambda progress: print(progress.done, flush=True))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def interrupted(plan, spec, path, number, *, after):
    """Start a sweep, send it a signal when `after` runs are done, and return its exit status and messages."""
    job = path.with_suffix(".pickle")
    job.write_bytes(pickle.dumps((plan, spec)))
    command = [sys.executable, "-c", SWEEP, str(Path(__file__).parent), str(job), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < after:
        pass
    process.send_signal(number)
    _, messages = process.communicate(timeout=120)
    return process.returncode, messages


BUDGETS = {
    "budgets": (4e6, 2.4e7),
    "design": {"sizes_per_budget": 3, "units_per_param": 600.0, "window": 3.0, "min_steps": 50},
}
"""Trunks that take long enough for a signal to find them in the middle."""


def rows_of(store):
    return {row.run_id: (row.loss, row.n_units, row.flops_executed, row.status) for row in store.read()}


@pytest.fixture(scope="module")
def expected(make_spec, plan_of, tmp_path_factory):
    spec = make_spec(**BUDGETS)
    with RunStore(tmp_path_factory.mktemp("whole") / "runs.sqlite") as store:
        run_sweep(plan_of(spec), spec, store)
        return rows_of(store)


def test_ctrl_c_saves_what_is_in_flight_and_the_next_start_goes_on(make_spec, plan_of, expected, store):
    spec = make_spec(**BUDGETS)
    plan, checkpoints = plan_of(spec), store.path.parent / "checkpoints"

    def interrupt_after_the_first(progress):
        if progress.done == 1 and not progress.ended:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, spec, store, report=interrupt_after_the_first)
    assert list(checkpoints.glob("*/*.safetensors"))
    assert len(rows_of(store)) == 1
    run_sweep(plan, spec, store)
    assert rows_of(store) == expected
    assert not checkpoints.exists()


def test_workers_save_as_well_when_their_parent_is_asked_to_end(make_spec, plan_of, expected, tmp_path):
    spec = make_spec(training={"batch_size": 16, "workers": 2}, **BUDGETS)
    plan, path = plan_of(spec), tmp_path / "runs.sqlite"
    status, messages = interrupted(plan, spec, path, signal.SIGTERM, after=1)
    assert status == 130
    assert messages.count("finishing the step") == 1
    assert "Traceback" not in messages
    assert list((tmp_path / "checkpoints").glob("*/*.safetensors"))
    with RunStore(path) as store:
        kept = rows_of(store)
        assert kept == {run_id: row for run_id, row in expected.items() if run_id in kept}
        run_sweep(plan, make_spec(**BUDGETS), store)
        assert rows_of(store) == expected


def test_the_second_signal_acts_as_ever_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        send_and_see(before[0])
    assert not interrupt.is_wished()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def send_and_see(handler):
    with interrupt.heeded():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.is_wished()
        assert signal.getsignal(signal.SIGINT) is handler


def test_outside_of_the_main_thread_nothing_is_changed():
    def inside():
        with interrupt.heeded():
            seen.append(signal.getsignal(signal.SIGINT))

    seen = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
