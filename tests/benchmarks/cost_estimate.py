"""Predicted against measured wall-clock of a sweep of 50 cells or more. Exits 1 where a target is missed.

The sweep is that of `flops-fit demo`, or of SPEC. It is estimated, then trained into an empty directory by
`run_sweep`; what is compared is the time of `run_sweep`, because the estimate counts neither probes nor fit.
The peak memory of the workers is printed and has a target of its own.

usage: python tests/benchmarks/cost_estimate.py [SPEC] [--repeats 1]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from peak_memory import watched

from flops_fit.config import demo_spec, load_spec, probe
from flops_fit.design import plan_sweep
from flops_fit.engine import describe_estimate, estimate, run_sweep
from flops_fit.runs import RUNS_FILE, RunStore

WITHIN = 0.15
"""Largest allowed error of the prediction, as a fraction of what was measured."""
WORKER_BYTES = 2e9
"""Most that a worker may hold."""


def compare(spec_file: Path | None, out: Path) -> dict:
    spec = load_spec(spec_file) if spec_file else demo_spec(out, seeds=1)
    spec = spec.model_copy(update={"output_dir": out})
    predicted = estimate(spec)
    print(describe_estimate(predicted), flush=True)
    plan = plan_sweep(spec, probe(spec))
    with RunStore(out / RUNS_FILE) as store:
        summary = run_sweep(plan, spec, store)
    error = predicted.wall_s.value / summary.wall_s - 1
    print(f"measured:   {summary.wall_s:.1f} s, so the estimate is off by {error:+.1%}", flush=True)
    return {
        "cells": len(plan.runs),
        "trained": summary.trained,
        "measured_s": summary.wall_s,
        "predicted": asdict(predicted.wall_s),
        "error": error,
        "inside": summary.wall_s in predicted.wall_s.interval,
        "calibration_s": predicted.calibration_s,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("spec", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    found = []
    with watched() as peak:
        for _ in range(args.repeats):
            with tempfile.TemporaryDirectory() as folder:
                found.append(compare(args.spec, Path(folder) / "out"))
    print(f"peak memory of a worker: {peak.bytes / 1e9:.2f} GB (target below {WORKER_BYTES / 1e9:.0f} GB)")
    missed = [f"error {row['error']:+.1%}" for row in found if abs(row["error"]) > WITHIN]
    missed += ["outside of the interval" for row in found if not row["inside"]]
    missed += [f"{row['cells']} cells only" for row in found if row["cells"] < 50]
    missed += ["memory of a worker"] if peak.bytes > WORKER_BYTES else []
    print(
        json.dumps(
            {"benchmark": "cost_estimate", "found": found, "worker_peak_bytes": peak.bytes, "missed": missed}
        )
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
