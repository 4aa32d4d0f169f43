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
    command = [sys.executable, "-c", SWEEP, str(Path(__file__).parent), str(job), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_after(process, n_done):
    """SIGKILL the sweep once it has reported `n_done` runs; return the processes that it had started."""
    while int(process.stdout.readline()) < n_done:
        pass
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return [int(child) for child in children]


def results(path):
    with RunStore(path, read_only=True) as store:
        return [(record.run_id, record.status, record.loss, record.n_units) for record in store.read()]


def test_a_killed_sweep_goes_on_to_the_same_end(make_spec, plan_of, store, tmp_path):
    spec = make_spec()
    plan = plan_of(spec)
    run_sweep(plan, spec, store)
    killed = tmp_path / "killed.sqlite"
    kill_after(start(plan, spec, killed), 3)
    kept = results(killed)
    assert 3 <= len(kept) < len(plan.runs)
    with RunStore(killed) as again:
        assert run_sweep(plan, spec, again).skipped == len(kept)
    assert results(killed) == results(store.path)


def test_workers_end_when_their_parent_is_killed(make_spec, plan_of, tmp_path):
    spec = make_spec(training={"batch_size": 16, "workers": 2}, seeds=tuple(range(20)))
    path = tmp_path / "killed.sqlite"
    children = kill_after(start(plan_of(spec), spec, path), 2)
    assert len(children) >= 2
    deadline = time.monotonic() + 20
    while (alive := [pid for pid in children if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive == []
    assert len(results(path)) >= 2


def is_running(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
