"""SIGKILL at any moment: nothing that was finished is lost, nobody is left behind, the end is the same."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flops_fit.engine import run_sweep
from flops_fit.runs import RunStore

# Without `if __name__ == "__main__"`, as users write it: workers must not run it again.
SWEEP = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from flops_fit.engine import run_sweep
from flops_fit.runs import RunStore
plan, spec = pickle.loads(Path(sys.argv[2]).read_bytes())
with RunStore(Path(sys.argv[3])) as store:
    run_sweep(plan, spec, store, report=lambda progress: print(progress.done, flush=True))
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")


def start(plan, spec, path):
    job = path.with_suffix(".pickle")
    job.write_bytes(pickle.dumps((plan, spec)))
    script = path.with_suffix(".py")
    script.write_text(SWEEP)
    command = [sys.executable, str(script), str(Path(__file__).parent), str(job), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def descendants_of(pid):
    """Return the processes that `pid` has started, and those that they have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it has just ended
        return []
    return [descendant for child in map(int, children) for descendant in (child, *descendants_of(child))]


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def results(path):
    with RunStore(path, read_only=True) as store:
        return [(record.run_id, record.status, record.loss, record.n_units) for record in store.read()]


def test_a_killed_sweep_goes_on_to_the_same_end(make_spec, plan_of, store, tmp_path):
    """Killed with two workers, taken up by one process: the same rows as one process from the start."""
    spec, side_by_side = make_spec(), make_spec(training={"batch_size": 16, "workers": 2})
    plan, killed = plan_of(spec), tmp_path / "killed.sqlite"
    process = start(plan, side_by_side, killed)
    while int(process.stdout.readline()) < 3:
        pass
    kill(process)
    kept = results(killed)
    assert 3 <= len(kept) < len(plan.runs)
    assert {status for _, status, _, _ in kept} == {"completed"}
    with RunStore(killed) as again:
        assert run_sweep(plan, spec, again).skipped == len(kept)
    run_sweep(plan, spec, store)
    assert results(killed) == results(store.path)


def test_workers_in_the_middle_of_a_run_end_when_their_parent_is_killed(make_spec, plan_of, tmp_path):
    """Each run would take hours."""
    design = {"sizes_per_budget": 3, "units_per_param": 1e9, "window": 4.0}
    spec = make_spec(training={"batch_size": 16, "workers": 2}, budgets=(1e13, 2e13), design=design)
    process = start(plan_of(spec), spec, tmp_path / "killed.sqlite")
    started = 4  # two workers, the server that forks them, and multiprocessing's tracker
    try:
        assert wait_until(lambda: len(descendants_of(process.pid)) >= started)
        descendants = descendants_of(process.pid)
    finally:
        kill(process)
    assert wait_until(lambda: not any(is_running(pid) for pid in descendants))


def wait_until(condition, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def is_running(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
