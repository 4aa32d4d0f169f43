"""Time of a step in our loop against a raw PyTorch loop of the same model. Exits 1 where a target is missed.

Both train the product's GPT on the standard library's text, on one thread, in turns within one process; the
ratio of each pair of neighbouring blocks counts, and the median of those is reported. The raw loop is what
one writes by hand: rows shuffled beforehand and sliced, forward, cross-entropy, backward, fused AdamW with a
learning rate set by hand. No evaluation, no checkpoint, no curve, no check for divergence.

On a CUDA device it compares the same in bf16 at about 1e6, 1e7 and 1e8 parameters instead, our steps replayed
from a CUDA graph, and prints the model FLOPs utilisation (counted FLOPs over the peak of the data sheet) of
either loop.

usage: python tests/benchmarks/step_overhead.py [--rounds 40] [--device cpu]
"""

import argparse
import gc
import itertools
import json
import math
import os
import statistics
import sys
import time
from dataclasses import dataclass

import torch

from flops_fit.builtin.text import StdlibText
from flops_fit.config import SweepSpec
from flops_fit.config.device import process_state
from flops_fit.design import PlannedRun
from flops_fit.engine.loop import advance, set_up
from flops_fit.engine.reproducible import reproducible
from flops_fit_gpt.ladder import Shape, shapes

BLOCK_S = 0.25
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}
"""Dense bf16, FLOP/s, from the vendors' data sheets; of SXM modules."""


@dataclass(frozen=True)
class Case:
    name: str
    shape: Shape
    length: int
    rows: int
    target: float | None = None
    """Largest allowed ratio."""


ON_CPU = (
    Case("about 1 ms", Shape(16, 1, 2), length=16, rows=8, target=1.05),
    Case("10 ms or more", Shape(64, 2, 4), length=64, rows=16, target=1.02),
)


def on_cuda() -> tuple[Case, ...]:
    """The shapes nearest to 1e6, 1e7 and 1e8 parameters; 64k tokens a step fill the device."""
    ladder = shapes(256, 2e8)
    nearest = [min(ladder, key=lambda s: abs(math.log(s.n_params(256) / n))) for n in (1e6, 1e7, 1e8)]
    return tuple(Case(f"N = {s.n_params(256):.2g}", s, length=1024, rows=64) for s in nearest)


def spec_of(case: Case) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "model": "gpt",
            "data": {"kind": "stdlib_text", "length": case.length},
            "budgets": (1e12,),
            "allow_thin_sweep": True,
            "training": {"batch_size": case.rows, "workers": 1},
        }
    )


def run_of(case: Case, spec: SweepSpec, flops_per_unit: float) -> PlannedRun:
    """A run that never ends, in the middle of its constant rate."""
    return PlannedRun(
        run_id="benchmark",
        trunk="",
        budget=1e12,
        size=case.shape.size(256),
        seed=0,
        batch_size=case.rows,
        n_steps=10**7,
        warmup_steps=10,
        cooldown_steps=2 * 10**6,
        n_units=10**7 * case.rows * case.length,
        flops_per_unit=flops_per_unit,
        lr=spec.model.default_lr,
        precision="bf16" if process_state().device.type == "cuda" else "fp32",
    )


def raw_steps(run: PlannedRun, spec: SweepSpec, case: Case):
    """Build everything by hand; return what takes n steps."""
    device = process_state().device
    torch.manual_seed(run.seed)
    module = spec.model.build(run.size, spec.data.spec()).to(device)
    groups = spec.model.param_groups(module, run.lr, 0.0)
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-12, weight_decay=0.0, fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    windows = StdlibText(length=case.length).windows("train")
    batch = windows.batch(torch.randperm(windows.n_rows)[: 512 * case.rows].numpy())
    inputs, labels = batch["input_ids"].to(device), batch["labels"].to(device)
    firsts = itertools.cycle(range(0, len(inputs) - case.rows + 1, case.rows))
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    step = 0

    def take(n_steps: int) -> None:
        nonlocal step
        for _ in range(n_steps):
            rows = slice(first := next(firsts), first + case.rows)
            with autocast:
                logits = module({"input_ids": inputs[rows]})
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[rows].flatten())
            loss.backward()
            factor = min(1.0, (step + 1) / 10)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            optimizer.step()
            optimizer.zero_grad()
            step += 1

    return take


def our_steps(run: PlannedRun, spec: SweepSpec):
    trainee = set_up(run, spec)
    return lambda n_steps: advance(trainee, trainee.step + n_steps)


def seconds(take, n_steps: int) -> float:
    started = time.perf_counter()
    take(n_steps)
    if process_state().device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / n_steps


def measure(case: Case, rounds: int) -> dict:
    spec = spec_of(case)
    spec.data.prepare()
    flops_per_unit = spec.flops.train_flops_per_unit(spec.model, case.shape.size(256), spec.data)
    run = run_of(case, spec, flops_per_unit)
    with reproducible(0):
        loops = {"ours": our_steps(run, spec), "raw": raw_steps(run, spec, case)}
        for take in loops.values():
            seconds(take, 20)
        n_steps = max(3, round(BLOCK_S / seconds(loops["raw"], 10)))
        found = {name: [] for name in loops}
        for i in range(rounds):
            for name in list(loops)[:: -1 if i % 2 else 1]:
                found[name].append(seconds(loops[name], n_steps))
    ratios = [ours / raw for ours, raw in zip(found["ours"], found["raw"], strict=True)]
    step_ms = {name: 1e3 * statistics.median(times) for name, times in found.items()}
    peak = next((v for k, v in PEAK_FLOPS.items() if k in device_name()), None)
    flops = flops_per_unit * case.rows * case.length
    return {
        "case": case.name,
        "size": run.size.name,
        "n_params": run.size.n_params,
        "rows": case.rows,
        "length": case.length,
        "step_ms": step_ms,
        "ratio": statistics.median(ratios),
        "ratio_error": 1.2533 * statistics.stdev(ratios) / math.sqrt(rounds),
        "target": case.target,
        "mfu": {name: flops / (1e-3 * ms) / peak for name, ms in step_ms.items()} if peak else None,
    }


def device_name() -> str:
    return torch.cuda.get_device_name() if process_state().device.type == "cuda" else "cpu"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default a GPU if there is one")
    args = parser.parse_args()
    if args.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    if args.device == "cuda" and not torch.cuda.is_available():
        print("CUDA part skipped: no CUDA device")
        return 0
    gc.freeze()  # as a worker does
    on_gpu = process_state().device.type == "cuda"
    found = [measure(case, args.rounds) for case in (on_cuda() if on_gpu else ON_CPU)]
    for row in found:
        ours, raw = row["step_ms"]["ours"], row["step_ms"]["raw"]
        print(
            f"{row['case']:14s} {row['size']:9s} raw {raw:8.3f} ms  ours {ours:8.3f} ms  "
            f"ratio {row['ratio']:.3f} +- {row['ratio_error']:.3f}  target {row['target'] or 'none'}"
        )
        if row["mfu"]:
            print(f"{'':14s} MFU: ours {row['mfu']['ours']:.1%}, raw {row['mfu']['raw']:.1%}")
    if not on_gpu:
        print("CUDA part skipped: no CUDA device")
    missed = [row["case"] for row in found if row["target"] and row["ratio"] > row["target"]]
    print(
        json.dumps({"benchmark": "step_overhead", "device": device_name(), "found": found, "missed": missed})
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
