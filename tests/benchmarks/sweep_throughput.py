"""A sweep by our workers against the same sweep one model at a time. Exits 1 where a target is missed.

The same cells (the product's GPT at given widths, the same steps, one evaluation each) are trained twice: by
`execute`, which is what `flops-fit run` trains with; and by a plain loop in this process, one model after the
other, with as many threads as torch takes by default. Neither side's start counts (importing torch, a first
step): the clock of the workers begins when the first of them has trained a run of a few steps. The start of
the workers is printed beside it. Both train every cell
alone (training.mode: alone): shared steps would save work and are no matter of throughput. The sides take
turns; the median of each counts. The peak memory of the workers is printed.

What the ratio is made of is printed beside it: the share of the time in which a worker had a run at all, and
how much longer its runs took than at the pace of a single thread that has the machine to itself.

On a CUDA device all sides train there in bf16, for models of about 1e6, 1e7 and 1e8 parameters: several
processes on the device, one, and one that launches every operation by itself (training.cuda_graph: false).
No target applies, and the CPU part is left out.

usage: python tests/benchmarks/sweep_throughput.py [--repeats 3] [--seconds 90] [--workers N] [--device cpu]
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace

import torch
from peak_memory import watched

from flops_fit.config import SweepSpec
from flops_fit.config.device import process_state
from flops_fit.design import PlannedRun
from flops_fit.engine.executors import count_workers, execute
from flops_fit.engine.loop import advance, evaluate, set_up
from flops_fit_gpt.ladder import Shape, shapes

CELLS = 12
"""Trained by each side: enough that the last one to end does not decide."""


@dataclass(frozen=True)
class Case:
    name: str
    shapes: tuple[Shape, ...]
    length: int
    rows: int
    target: float | None = None
    """Least allowed ratio of throughputs on two cores."""


ON_CPU = (
    Case("widths to 32", (Shape(16, 2, 2), Shape(24, 2, 3), Shape(32, 2, 4)), 64, 32, target=1.5),
    Case("width 64", (Shape(64, 2, 4),), 128, 32, target=1.25),
)


def on_cuda() -> tuple[Case, ...]:
    ladder = shapes(256, 2e8)
    nearest = [min(ladder, key=lambda s: abs(math.log(s.n_params(256) / n))) for n in (1e6, 1e7, 1e8)]
    return tuple(Case(f"N = {s.n_params(256):.2g}", (s,), length=256, rows=32) for s in nearest)


def spec_of(case: Case, workers: int | None, *, cuda_graph: bool = True) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "model": "gpt",
            "data": {"kind": "stdlib_text", "length": case.length},
            "budgets": (1e12,),
            "allow_thin_sweep": True,
            "training": {
                "batch_size": case.rows,
                "mode": "alone",
                "workers": workers,
                "cuda_graph": cuda_graph,
            },
        }
    )


def cells_of(case: Case, spec: SweepSpec, seconds: float) -> list[PlannedRun]:
    """As many steps per size as make all sizes take equally long, `seconds` in all one after the other."""
    data, cells = spec.data.spec(), []
    for i in range(CELLS):
        shape = case.shapes[i % len(case.shapes)]
        draft = PlannedRun(
            run_id=f"cell-{i}",
            trunk="",
            budget=1e12,
            size=shape.size(256),
            seed=i,
            batch_size=case.rows,
            n_steps=10**6,
            warmup_steps=10,
            cooldown_steps=0,
            n_units=1,
            flops_per_unit=1.0,
            lr=spec.model.default_lr,
            precision="bf16" if process_state().device.type == "cuda" else "fp32",
        )
        n_steps = max(20, round(seconds / CELLS / step_seconds(draft, spec)))
        n_units = n_steps * case.rows * data.units_per_sample
        cells.append(replace(draft, n_steps=n_steps, cooldown_steps=n_steps // 5, n_units=n_units))
    return cells


def step_seconds(run: PlannedRun, spec: SweepSpec) -> float:
    trainee = set_up(run, spec)
    advance(trainee, 5)
    started = time.perf_counter()
    advance(trainee, 25)
    _ = trainee.diverged  # waits for the device
    return (time.perf_counter() - started) / 20


@dataclass(frozen=True)
class Side:
    losses: list[float]
    seconds: float
    start_s: float = 0.0
    runs_s: float = 0.0
    """Of all runs together, as their rows say."""


def one_at_a_time(cells: list[PlannedRun], spec: SweepSpec) -> Side:
    """The loop that anybody would write: nothing is set about threads."""
    losses, started = [], time.perf_counter()
    for run in cells:
        torch.manual_seed(run.seed)
        trainee = set_up(run, spec)
        advance(trainee, run.n_steps)
        losses.append(evaluate(trainee, spec).loss)
    return Side(losses, time.perf_counter() - started)


def by_workers(cells: list[PlannedRun], spec: SweepSpec) -> Side:
    workers, wished = count_workers(spec, ()), time.perf_counter()
    short = [replace(cells[0], run_id=f"start-{i}", n_steps=5, cooldown_steps=0) for i in range(workers)]
    execution = execute([(run,) for run in [*short, *cells]], spec, workers=workers)
    records = [next(execution)]
    started = time.perf_counter()
    records += execution
    ended = time.perf_counter()
    assert all(record.status == "completed" for record in records), [r.reason for r in records]
    rows = {record.run_id: record for record in records}
    return Side(
        [rows[run.run_id].loss for run in cells],
        ended - started,
        started - wished,
        sum(rows[run.run_id].wall_s for run in cells),
    )


def runs_by_themselves_s(cells: list[PlannedRun], spec: SweepSpec) -> float:
    """How long the steps of all cells take one thread that has the machine to itself."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    firsts = {run.size.name: run for run in reversed(cells)}
    pace = {name: step_seconds(run, spec) for name, run in firsts.items()}
    torch.set_num_threads(threads)
    return sum(run.n_steps * pace[run.size.name] for run in cells)


def measure(case: Case, args: argparse.Namespace) -> dict:
    on_gpu = process_state().device.type == "cuda"
    spec = spec_of(case, args.workers or (4 if on_gpu else None))
    spec.data.prepare()
    cells = cells_of(case, spec, args.seconds)
    alone, eager = spec_of(case, 1), spec_of(case, 1, cuda_graph=False)
    sides = {"workers": lambda: by_workers(cells, spec), "one": lambda: one_at_a_time(cells, alone)}
    if on_gpu:
        sides |= {"one": lambda: by_workers(cells, alone), "eager": lambda: by_workers(cells, eager)}
    trained = {name: [] for name in sides}
    for i in range(args.repeats):
        for name in list(sides)[:: -1 if i % 2 else 1]:
            trained[name].append(sides[name]())
    last = [of_side[-1].losses for of_side in trained.values()]
    apart = max(abs(a - b) for a, b in zip(*last, strict=True))
    seconds = {name: [side.seconds for side in of_side] for name, of_side in trained.items()}
    median = {name: statistics.median(times) for name, times in seconds.items()}
    runs_s = statistics.median(side.runs_s for side in trained["workers"])
    return {
        "case": case.name,
        "cells": CELLS,
        "steps": sum(run.n_steps for run in cells),
        "workers": count_workers(spec, ()),
        "seconds": seconds,
        "start_s": statistics.median(side.start_s for side in trained["workers"]),
        "ratio": median["one"] / median["workers"],
        "to_eager": median["eager"] / median["workers"] if on_gpu else None,
        "occupied": runs_s / (count_workers(spec, ()) * median["workers"]),
        "slowed": None if on_gpu else runs_s / runs_by_themselves_s(cells, alone),
        "target": case.target,
        "losses_apart": apart,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=90.0, help="of one side, roughly")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default a GPU if there is one")
    args = parser.parse_args()
    if args.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    if args.device == "cuda" and not torch.cuda.is_available():
        print("CUDA part skipped: no CUDA device")
        return 0
    on_gpu = process_state().device.type == "cuda"
    with watched() as peak:
        found = [measure(case, args) for case in (on_cuda() if on_gpu else ON_CPU)]
    for row in found:
        told = {name: " ".join(f"{s:.1f}" for s in of_side) for name, of_side in row["seconds"].items()}
        print(
            f"{row['case']:13s} {row['workers']} workers {told['workers']} s, one at a time {told['one']} s: "
            f"{row['ratio']:.2f}x, target {row['target'] or 'none'}; losses {row['losses_apart']:.0e} apart; "
            f"workers started in {row['start_s']:.1f} s"
        )
        print(
            f"{'':13s} a worker had a run {row['occupied']:.0%} of the time"
            + (f"; runs took {row['slowed']:.2f} times what they take by themselves" if row["slowed"] else "")
            + (f"; {row['to_eager']:.2f}x of one process without graphs" if row["to_eager"] else "")
        )
    print(f"peak memory of a worker: {peak.bytes / 1e9:.2f} GB; default threads: {torch.get_num_threads()}")
    if not on_gpu:
        print("CUDA part skipped: no CUDA device")
    missed = [row["case"] for row in found if row["target"] and row["ratio"] < row["target"]]
    print(
        json.dumps(
            {
                "benchmark": "sweep_throughput",
                "found": found,
                "worker_peak_bytes": peak.bytes,
                "missed": missed,
            }
        )
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
