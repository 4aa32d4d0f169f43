"""SIGKILL at many random moments of one sweep, which goes on each time: its end must be that of a quiet one.

Run as `python tests/benchmarks/crash.py [KILLS]`. The sweep trains tiny MLPs with dropout, by turns in
one process and on two workers, with a checkpoint every 0.2 s, so that kills find trunks before, at and
after their checkpoints. Then it is checked that the sweep was killed so often, that the losses are equal
to the last bit, that no row is there twice, and that every run consumed what was planned.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
import tiny_parts

from flops_fit.config.device import resolve_precision
from flops_fit.config.probe import Probe, ProbedSize
from flops_fit.config.spec import SweepSpec
from flops_fit.design import SweepPlan, plan_sweep
from flops_fit.engine import run_sweep
from flops_fit.runs import RunRecord, RunStore

KILLS = 30


def the_spec(*, workers: int) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "model": tiny_parts.Mlp(dropout=0.1),
            "data": tiny_parts.Points(),
            "loss": tiny_parts.Squared(),
            "flops": tiny_parts.SixN(),
            "fit": tiny_parts.NoFit(),
            "budgets": tuple(4e6 * 2**i for i in range(4)),
            "design": {"sizes_per_budget": 5, "units_per_param": 400.0, "window": 2.5, "min_steps": 50},
            "training": {"batch_size": 16, "workers": workers, "checkpoint_s": 0.2},
            "allow_thin_sweep": True,
        }
    )


def the_plan(spec: SweepSpec) -> SweepPlan:
    data = spec.data.spec()
    sizes = tuple(
        ProbedSize(size=size, flops_per_unit=6.0 * size.n_params, flops_6nd_per_unit=6.0 * size.n_params)
        for size in spec.model.ladder(*spec.n_params_range(), data)
    )
    return plan_sweep(spec, Probe(data=data, sizes=sizes, precision=resolve_precision(spec.training)))


def train(path: Path, *, workers: int) -> tuple[RunRecord, ...]:
    spec = the_spec(workers=workers)
    with RunStore(path) as store:
        run_sweep(the_plan(spec), spec, store)
        return store.read()


def train_killed(path: Path, kills: int) -> int:
    """Start the sweep again and again, kill it at random moments, and return how often it was killed."""
    rng, killed = random.Random(0), 0
    while True:
        workers = 1 + killed % 2
        command = [sys.executable, __file__, "--train", str(path), str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()  # it has loaded its libraries; workers load theirs now
        moment = rng.uniform(0.0, 1.0 if workers == 1 else 5.0) if killed < kills else None
        try:
            status = process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            time.sleep(0.5)  # workers end by themselves when their parent is gone
            continue
        finally:
            process.stdout.close()
        if status:
            raise SystemExit(f"the sweep failed with status {status}")
        return killed


def main(kills: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        quiet = train(Path(folder) / "quiet" / "runs.sqlite", workers=1)
        path = Path(folder) / "killed" / "runs.sqlite"
        killed = train_killed(path, kills)
        with RunStore(path, read_only=True) as store:
            rows = store.read()
    expected = {row.run_id: (row.loss, row.n_units, row.n_steps, row.flops_executed) for row in quiet}
    found = {row.run_id: (row.loss, row.n_units, row.n_steps, row.flops_executed) for row in rows}
    print(f"{len(rows)} rows of {len(quiet)} runs after {killed} kills of {kills} wanted")
    print(f"rows twice: {len(rows) - len(found)}")
    differ = sum(expected[run_id] != found.get(run_id) for run_id in expected)
    print(f"rows whose loss, units, steps or executed FLOPs differ: {differ}")
    off_plan = sum(row.n_units != row.n_units_planned for row in rows)
    print(f"runs that consumed another number of units than planned: {off_plan}")
    return 0 if found == expected and len(rows) == len(quiet) and killed == kills else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        print("begun", flush=True)
        train(Path(sys.argv[2]), workers=int(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS))
