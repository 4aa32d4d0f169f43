"""The command that shows whether this machine trains as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flops_fit.cli.show import BROKEN, DONE, show

if TYPE_CHECKING:
    import argparse

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
