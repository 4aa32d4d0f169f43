"""Commands about laws: fit runs that exist, and ask a law that was kept."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from flops_fit.cli.show import DONE, UNRELIABLE, answer, show, status
from flops_fit.errors import FitError, FlopsFitError, StoreError, TableError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from flops_fit.result import Prediction, ScalingResult

_WIDTHS = {"single": 3.5, "double": 7.2}
"""Columns of a journal, inches."""


def fit(args: argparse.Namespace) -> int:
    """Fit runs that exist: a sweep directory, or a table as CSV, Parquet or JSON lines."""
    from flops_fit.api import fit_runs

    result = fit_runs(
        args.runs,
        columns=_columns(args.columns),
        where=_where(args.where),
        layout=args.layout,
        n_params=args.n_is,
        flops=args.c_is,
        loss_unit=args.loss_unit,
        unit=args.unit,
        form=args.form,
        out=args.out,
    )
    found = answer(result, args)
    if args.out is not None:
        print(f"law, plots and report.html are in {args.out}", file=sys.stderr)
    return found


def predict(args: argparse.Namespace) -> int:
    """Answer from a saved law: what to train, the loss to expect, and how long it takes.

    Give compute (--flops, or --gpu-hours), a size, an amount of data or a loss; compute with a size or with
    data; or units to serve with compute (then of training and inference together) or with a loss. Of several
    budgets, those that have an answer get it, and one error names the others: exit status 2. Exit status 3
    where an answer is marked UNRELIABLE or NOT SUPPORTED.
    """
    from flops_fit.result import load

    result = load(args.law)
    predictions: list[Prediction] = []
    refused: list[FlopsFitError] = []
    for flops in args.flops or [None]:
        try:
            predictions.append(_predict(result, flops, args))
        except FlopsFitError as error:  # it spoils no other budget's answer
            refused.append(error)
    if predictions:
        show([asdict(p) for p in predictions], args, lambda _: "\n\n".join(str(p) for p in predictions))
    if refused:
        raise _together(refused)
    return _worst(result, predictions)


def _together(refused: Sequence[FlopsFitError]) -> FlopsFitError:
    """Make one error of those of several budgets; what they have in common is told once."""
    problems, fixes = (
        dict.fromkeys(getattr(error, part) for error in refused) for part in ("problem", "fix")
    )
    return FitError(" ".join(problems), fix="; ".join(fixes), code=refused[0].code)


def _worst(result: ScalingResult, predictions: Sequence[Prediction]) -> int:
    """Return the exit status of answers: one marked NOT SUPPORTED is no better than an unreliable law."""
    return status(result) if all(prediction.supported for prediction in predictions) else UNRELIABLE


def _asked(result: ScalingResult, budgets: Sequence[float] | None) -> list[Prediction]:
    """Return the answers to budgets that somebody named; a curve has no best size to answer with."""
    from flops_fit.fit import CurveLaw

    if isinstance(result.law.headline, CurveLaw):
        return []
    return [result.predict(flops, accept_unreliable=True) for flops in budgets or ()]


def _predict(result: ScalingResult, flops: float | None, args: argparse.Namespace) -> Prediction:
    return result.predict(
        flops,
        n_params=args.n_params,
        n_units=args.n_units,
        loss=args.loss,
        inference_units=args.inference_units,
        gpu_hours=args.gpu_hours,
        device=args.device,
        utilisation=args.utilisation,
        accept_unreliable=args.accept_unreliable,
    )


def table(args: argparse.Namespace) -> int:
    """Chinchilla table from a saved law."""
    from flops_fit.result import load

    result = load(args.law)
    print(result.chinchilla_table(args.flops or (), args.format))
    return _worst(result, _asked(result, args.flops))


def plot(args: argparse.Namespace) -> int:
    """Draw a saved law, or the losses of a sweep on the way."""
    from flops_fit.result.plots import save_curves_plot

    if args.curves:
        print(save_curves_plot(args.law, args.out or _drawn(args.law, "curves")))
        return DONE
    result = _load_or_curves(args.law)
    out = args.out or _drawn(args.law, args.picture)
    try:
        print(result.save_plot(out, args.picture, width=_WIDTHS[args.width]))
    except FitError as error:
        if error.code == "unknown-picture" and _may_mean_curves(args):
            error.fix = f"flops-fit plot {shlex.quote(str(_directory(args.law)))} --curves"
        raise
    return status(result)


def _may_mean_curves(args: argparse.Namespace) -> bool:
    """Tell whether a picture that does not exist may be that of the losses on the way, which are there."""
    from flops_fit.runs import RUNS_FILE

    is_like = re.search("curve|train|learn", args.picture)
    return is_like is not None and (_directory(args.law) / RUNS_FILE).is_file()


def _load_or_curves(law: Path) -> ScalingResult:
    """Load a law to draw; where its sweep is under way, say that its losses can be drawn instead."""
    from flops_fit.result import load
    from flops_fit.runs import RUNS_FILE

    try:
        return load(law)
    except StoreError as error:
        if (law / RUNS_FILE).is_file():
            error.fix += f"; the losses so far: flops-fit plot {shlex.quote(str(law))} --curves"
        raise


def _drawn(law: Path, picture: str) -> Path:
    """Return where a picture goes by itself: beside the law, apart from those that a sweep draws."""
    return _directory(law) / "plots" / f"drawn-{picture}.png"


def _directory(law: Path) -> Path:
    return law if law.is_dir() else law.parent


def report(args: argparse.Namespace) -> int:
    """Write everything that is known of a saved law as one HTML file."""
    from flops_fit.result import load

    result, directory = load(args.law), _directory(args.law)
    print(result.report(args.out or directory / "report.html", args.flops or (), sweep=directory))
    return _worst(result, _asked(result, args.flops))


def _columns(text: str | None) -> dict[str, str]:
    from flops_fit.runs.options import pairs_of

    pairs = pairs_of(text or "")
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


def _where(conditions: Sequence[str]) -> dict[str, str]:
    pairs = [condition.partition("=") for condition in conditions]
    if bad := [name for name, equals, _ in pairs if not (name and equals)]:
        raise TableError(
            f"--where: {', '.join(bad)!r} is not COLUMN=VALUE.",
            fix="--where data=c4: rows are chosen by equal values only; repeat it for further columns",
            code="bad-where",
        )
    where = {name.strip(): value for name, _, value in pairs}
    if len(where) < len(pairs):
        raise TableError(
            f"--where names one of {', '.join(where)} twice; no row holds two values in one column.",
            fix="name each column once",
            code="bad-where",
        )
    return where
