"""Whether fits find a floor that is known, replication after replication. Exits 1 where a target is missed.

Each replication is a sweep of `flops-fit selftest truth` on a task and with a seed of its own, and one model
trained at three times the largest budget. Targets: 90% of the replications on each source have an irreducible
loss within 0.03 nats of the floor, 90% an interval that holds it, 90% a forecast of the model ahead within
1.5%, and 90% an interval that holds that. What is finished is not trained again: with the same --out, the
same command goes on. A replication takes 25 CPU-seconds or more.

usage: python tests/benchmarks/truth.py [--sources NAME ...] [--replications 30] [--first 0] [--workers 1]
       [--out DIR]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from flops_fit.config import TRUTHS, truth_spec
from flops_fit.engine.processes import told_at_start
from flops_fit.errors import FitError
from flops_fit.truth import FLOOR_WITHIN, LOSS_WITHIN, Truth, check_truth, describe_truths

LEAST_SHARE = 0.9
KEPT = "truth.json"
"""What a replication found, in its directory; remove it to have the runs there fitted again."""
TRUTH = TypeAdapter(Truth)


def replicate(source: str, seed: int, out: Path) -> Truth | None:
    """Return what one replication found, now or earlier; None where the fit refuses to answer."""
    import torch

    torch.set_num_threads(1)
    kept = out / f"{source}-{seed}" / KEPT
    if kept.exists():
        return TRUTH.validate_json(kept.read_bytes())
    spec = truth_spec(source, kept.parent, seed=seed)
    alone = spec.model_copy(update={"training": spec.training.model_copy(update={"workers": 1})})
    try:
        found = check_truth(alone)
    except FitError as error:
        print(f"{source}, seed {seed}: {error.problem}", flush=True)
        return None
    kept.write_bytes(TRUTH.dump_json(found, indent=2))
    return found


def figures_of(found: Sequence[Truth], n_refused: int) -> dict[str, float]:
    """Return shares and errors over the replications on one source; a refusal is no hit."""
    answered = len(found) / (len(found) + n_refused)
    floor_errors, loss_errors = (
        np.array(errors) for errors in zip(*((t.floor_error, t.loss_error) for t in found), strict=True)
    )
    intervals = [t.irreducible.interval for t in found]
    return {
        "replications": len(found) + n_refused,
        "refused": n_refused,
        "floor_within": answered * float(np.mean(np.abs(floor_errors) <= FLOOR_WITHIN)),
        "floor_covered": answered * float(np.mean([t.floor_covered for t in found])),
        "loss_within": answered * float(np.mean(np.abs(loss_errors) <= LOSS_WITHIN)),
        "loss_covered": answered * float(np.mean([t.loss_covered for t in found])),
        "floor_error_mean": float(floor_errors.mean()),
        "floor_error_sd": float(floor_errors.std()),
        "floor_error_worst": float(np.abs(floor_errors).max()),
        "loss_error_worst": float(np.abs(loss_errors).max()),
        "least_run_above_floor": float(np.median([t.least - t.floor for t in found])),
        "interval_below": float(np.median([t.floor - i.low for t, i in zip(found, intervals, strict=True)])),
        "interval_above": float(np.median([i.high - t.floor for t, i in zip(found, intervals, strict=True)])),
    }


def missed(figures: dict[str, dict[str, float]]) -> Iterator[str]:
    for source, of_source in figures.items():
        for name in ("floor_within", "floor_covered", "loss_within", "loss_covered"):
            if of_source[name] < LEAST_SHARE:
                yield f"{source}: {name} {of_source[name]:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sources", nargs="+", choices=list(TRUTHS), default=list(TRUTHS))
    parser.add_argument("--replications", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("flops-fit-truth"))
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.replications)
    figures = {}
    # One thread each, as in a sweep: with more, NumPy's of one process and the other wait for each other.
    with told_at_start(), ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        for source in args.sources:
            found = []
            for truth in pool.map(replicate, [source] * len(seeds), seeds, [args.out] * len(seeds)):
                if truth is not None:
                    found.append(truth)
                    print("\n".join(describe_truths([truth]).splitlines()[bool(found[1:]) :]), flush=True)
            figures[source] = figures_of(found, args.replications - len(found))
            print(json.dumps(figures[source], indent=2), flush=True)
    print(json.dumps({"benchmark": "truth", "figures": figures, "missed": list(missed(figures))}))
    return int(any(missed(figures)))


if __name__ == "__main__":
    sys.exit(main())
