"""The command that shows whether this machine trains as it should, and whether fits find what is true."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flops_fit.cli.show import BROKEN, DONE, reporter, show

if TYPE_CHECKING:
    import argparse

    from flops_fit.config import SweepSpec

GPT: dict[str, Any] = {
    "model": "gpt",
    "data": {"kind": "stdlib_text", "length": 32, "eval_rows": 70},
    "budgets": [1e9, 2e9],
    "allow_thin_sweep": True,
}
"""Takes seconds on a CPU core; of three held-out batches, the last is short."""
ROWS = 4
"""Of each process, per step."""


def selftest(args: argparse.Namespace) -> int:
    """Compare one process with several (distributed), or fits with a floor that is known (truth)."""
    return _truth(args) if args.what == "truth" else _distributed(args)


def _distributed(args: argparse.Namespace) -> int:
    """Compare one process with several that train together: on gpt, and on SPEC."""
    from flops_fit.config import load_spec
    from flops_fit.engine.selftest import compare_processes, describe_comparisons

    training = {"batch_size": ROWS * args.processes, "eval_batch_size": 32}
    specs = {"gpt": load_spec(GPT | {"training": training})}
    if args.spec:
        specs[args.spec] = load_spec(args.spec, overrides=args.set)
    found = compare_processes(specs, n_processes=args.processes, n_steps=args.steps)
    show(found, args, describe_comparisons)
    return BROKEN if any(comparison.differences for comparison in found) else DONE


def _truth(args: argparse.Namespace) -> int:
    """Compare the fits of small sweeps with what is true: of the sources asked for, or of SPEC."""
    from flops_fit.truth import check_truth, describe_truths

    with TemporaryDirectory(prefix="flops-fit-") as gone_afterwards:
        specs = _specs_of_truth(args, args.out or Path(gone_afterwards))
        found = [check_truth(spec, report=reporter(args)) for spec in specs]
    told = [asdict(truth) | {"missed": truth.missed} for truth in found]
    show(told, args, lambda _: describe_truths(found))
    return BROKEN if any(truth.missed for truth in found) else DONE


def _specs_of_truth(args: argparse.Namespace, out: Path) -> list[SweepSpec]:
    """Return the sweep of SPEC, or of each source that is asked for or else installed."""
    from flops_fit.config import TRUTHS, load_spec, truth_spec
    from flops_fit.plugins import registry

    if args.spec:
        return [load_spec(args.spec, overrides=args.set)]
    sources = args.source or [source for source in TRUTHS if source in registry().components("data")]
    return [truth_spec(source, out / source, seed=args.seed) for source in sources]
