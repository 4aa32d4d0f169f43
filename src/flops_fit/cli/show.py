"""How answers leave: as text or as JSON on standard output; and the exit status that goes with them."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from flops_fit.result import ScalingResult

DONE, BROKEN, USER_ERROR, UNRELIABLE, INTERRUPTED, CUT_SHORT = 0, 1, 2, 3, 130, 141


def answer(result: ScalingResult, args: argparse.Namespace) -> int:
    """Show everything that a fit found, and return its exit status."""
    show(result.summary(), args, lambda _: result.describe())
    return status(result)


def answer_kept(result: ScalingResult, args: argparse.Namespace, out: Path) -> int:
    """Show what a sweep found, and say where it is kept and what to type next."""
    found = answer(result, args)
    if not args.json:  # with --json, standard error holds one JSON object a line
        _say_where(result, out)
    return found


def _say_where(result: ScalingResult, out: Path) -> None:
    print(f"runs, law, plots and the report are in {out}: open {out / 'report.html'}", file=sys.stderr)
    print(f"next: flops-fit {_next(result, shlex.quote(str(out)))}", file=sys.stderr)


def _next(result: ScalingResult, law: str) -> str:
    """Return what is worth typing next: an unreliable law answers nothing, and a curve knows no best size."""
    from flops_fit.fit import CurveLaw

    if errors := [finding.code for finding in result.diagnostics if finding.severity == "error"]:
        return f"explain {errors[0]}"
    if isinstance(result.law.headline, CurveLaw):
        return f"plot {law}"
    return f"predict {law} --flops {10 * result.law.flops_range[1]:.3g}"


def doing(what: str) -> None:
    """Tell whoever waits at a terminal what takes so long."""
    if sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)


def status(result: ScalingResult) -> int:
    """Return the exit status of a fit."""
    return UNRELIABLE if result.status == "unreliable" else DONE


def show(value: Any, args: argparse.Namespace, describe: Callable[[Any], str]) -> int:
    """Print a value as JSON if asked to, else as text."""
    print(json.dumps(value, indent=2, default=_plain) if args.json else describe(value))
    return DONE


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)


def reporter(args: argparse.Namespace) -> Callable[[Any], None]:
    """Return what shows the progress of a sweep on standard error."""
    from flops_fit.engine import console_reporter

    return console_reporter(sys.stderr, quiet=args.quiet, events=args.json)
