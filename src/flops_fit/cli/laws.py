"""Commands about laws: fit runs that exist, and ask a law that was kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from flops_fit.cli.show import answer, show, status
from flops_fit.errors import TableError

if TYPE_CHECKING:
    import argparse


def fit(args: argparse.Namespace) -> int:
    """Fit a sweep directory or a CSV of runs."""
    from flops_fit.api import fit_runs

    return answer(fit_runs(args.runs, columns=_columns(args.columns), out=args.out), args)


def predict(args: argparse.Namespace) -> int:
    """Answer from a saved law."""
    from flops_fit.result import load

    result = load(args.law)
    predictions = [result.predict(c, accept_unreliable=args.accept_unreliable) for c in args.flops]
    return show([asdict(p) for p in predictions], args, lambda _: "\n\n".join(str(p) for p in predictions))


def table(args: argparse.Namespace) -> int:
    """Chinchilla table from a saved law."""
    from flops_fit.result import load

    result = load(args.law)
    print(result.chinchilla_table(args.flops or ()))
    return status(result)


def plot(args: argparse.Namespace) -> int:
    """Draw a saved law."""
    from flops_fit.result import load

    result = load(args.law)
    print(result.save_plot(args.out))
    return status(result)


def _columns(text: str | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in (text or "").split(",") if pair]
    if bad := [name for name, equals, found in pairs if not (name and equals and found)]:
        raise TableError(
            f"--columns: {', '.join(bad)!r} is not NAME=COLUMN.",
            fix="--columns N=params,D=tokens,loss=val_loss",
            code="bad-columns",
        )
    columns = {name.strip(): found.strip() for name, _, found in pairs}
    if len(columns) < len(pairs):
        raise TableError(
            f"--columns: {text} names one of {', '.join(columns)} twice.",
            fix="name each once, e.g. --columns N=params,D=tokens,loss=val_loss",
            code="bad-columns",
        )
    return columns
