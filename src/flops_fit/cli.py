"""The command line: one subcommand per stage, no logic of its own. Results go to stdout, talk to stderr.

Exit status: 0 done; 1 `plugins --check` found something broken; 2 something the user must change; 3 numbers
shown but marked unreliable; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flops_fit.errors import FlopsFitError, TableError

if TYPE_CHECKING:
    from flops_fit.result import ScalingResult

DONE, BROKEN_PLUGINS, USER_ERROR, UNRELIABLE, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    warnings.showwarning = _warn
    try:
        with _voice() as tell:
            return _status_of(args, tell)
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            print("flops-fit: interrupted; finished runs are kept, the same command goes on", file=sys.stderr)
        return INTERRUPTED


def _status_of(args: argparse.Namespace, tell: Callable[[str], None]) -> int:
    try:
        status: int = args.run(args)
    except FlopsFitError as error:  # ours: one message; anything else keeps its traceback
        if args.debug:
            raise
        tell(f"flops-fit: {error}")
        return USER_ERROR
    return status


def _voice() -> AbstractContextManager[Callable[[str], None]]:
    """Return what tells errors: on standard error, and under a launcher once for all processes."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return nullcontext(lambda message: print(message, file=sys.stderr))
    from flops_fit.engine import one_voice

    return one_voice()


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line: the place in our code that raised it helps nobody here."""
    print(f"flops-fit: warning: {message}", file=sys.stderr)


# ---- commands, in the order in which a researcher meets them


def _demo(args: argparse.Namespace) -> int:
    from flops_fit.api import run_spec
    from flops_fit.config import demo_spec

    return _answer(run_spec(demo_spec(args.out, seeds=args.seeds), report=_reporter(args)), args)


def _plugins(args: argparse.Namespace) -> int:
    from flops_fit import plugins

    if not args.check:
        return _show(plugins.installed(), args, plugins.describe_installed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `describe` says the same
        registry = plugins.load_plugins()
    _show(registry.summary(), args, lambda _: registry.describe())
    return BROKEN_PLUGINS if registry.failures or registry.conflicts() else DONE


def _schema(_: argparse.Namespace) -> int:
    from flops_fit.config import SweepSpec

    print(json.dumps(SweepSpec.model_json_schema(), indent=2))
    return DONE


def _init(args: argparse.Namespace) -> int:
    from flops_fit.config import write_initial_spec

    write_initial_spec(args.out, model=args.model, data=args.data, preset=args.preset)
    print(f"wrote {args.out}; next: flops-fit check {args.out}", file=sys.stderr)
    return DONE


def _check(args: argparse.Namespace) -> int:
    from flops_fit.api import check_spec

    print(check_spec(args.spec, overrides=args.set).describe())
    return DONE


def _plan(args: argparse.Namespace) -> int:
    from flops_fit.api import plan_sweep
    from flops_fit.config import load_spec
    from flops_fit.design import describe_plan

    return _show(plan_sweep(load_spec(args.spec, overrides=args.set)), args, describe_plan)


def _run(args: argparse.Namespace) -> int:
    from flops_fit.api import run_spec
    from flops_fit.config import load_spec

    spec = load_spec(args.spec, overrides=args.set)
    return _answer(run_spec(spec, simulate=args.simulate, report=_reporter(args)), args)


def _fit(args: argparse.Namespace) -> int:
    from flops_fit.api import fit_runs

    return _answer(fit_runs(args.runs, columns=_columns(args.columns), out=args.out), args)


def _predict(args: argparse.Namespace) -> int:
    from flops_fit.result import load

    result = load(args.law)
    predictions = [result.predict(c, accept_unreliable=args.accept_unreliable) for c in args.flops]
    return _show([asdict(p) for p in predictions], args, lambda _: "\n\n".join(str(p) for p in predictions))


def _table(args: argparse.Namespace) -> int:
    from flops_fit.result import load

    result = load(args.law)
    print(result.chinchilla_table(args.flops or ()))
    return _status(result)


def _plot(args: argparse.Namespace) -> int:
    from flops_fit.result import load

    result = load(args.law)
    print(result.save_plot(args.out))
    return _status(result)


def _export(args: argparse.Namespace) -> int:
    from flops_fit.api import export_runs

    print(f"{export_runs(args.dir, args.to)} runs in {args.to}", file=sys.stderr)
    return DONE


# ---- what several commands share


def _answer(result: ScalingResult, args: argparse.Namespace) -> int:
    _show(result.summary(), args, lambda _: result.describe())
    return _status(result)


def _status(result: ScalingResult) -> int:
    return UNRELIABLE if result.status == "unreliable" else DONE


def _show(value: Any, args: argparse.Namespace, describe: Callable[[Any], str]) -> int:
    print(json.dumps(value, indent=2, default=_plain) if args.json else describe(value))
    return DONE


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)


def _reporter(args: argparse.Namespace) -> Callable[[Any], None]:
    from flops_fit.engine import console_reporter

    return console_reporter(sys.stderr, quiet=args.quiet)


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


# ---- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flops-fit", description="How big a model, on how much data, to what loss, for a compute budget."
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    stages = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = _command(
        stages, "demo", _demo, "a real sweep on this machine, offline, in about two minutes", json_too=True
    )
    demo.add_argument("--out", type=Path, default=Path("flops-fit-demo"), help="directory to keep it in")
    demo.add_argument("--seeds", type=int, default=1, help="trainings per cell (default 1)")
    demo.add_argument("--quiet", action="store_true", help="no progress")

    plugins = _command(stages, "plugins", _plugins, "list what is installed", json_too=True)
    plugins.add_argument("--check", action="store_true", help="load everything; exit 1 if anything is broken")

    _command(stages, "schema", _schema, "print the JSON Schema of a sweep spec with every plugin's options")

    init = _command(stages, "init", _init, "write a commented spec to start from")
    init.add_argument("--model", default="gpt", help="model family (default gpt)")
    init.add_argument("--data", default="stdlib_text", help="data source (default stdlib_text)")
    init.add_argument("--preset", choices=("quick", "thorough"), default="quick", help="size of the sweep")
    init.add_argument(
        "--out", type=Path, default=Path("sweep.yaml"), help="file to write (default sweep.yaml)"
    )

    _spec(_command(stages, "check", _check, "validate SPEC and probe its components; trains nothing"))
    _spec(
        _command(stages, "plan", _plan, "print the grid, its cost and what to know about it", json_too=True)
    )
    run = _spec(_command(stages, "run", _run, "plan, train what is missing, fit, answer", json_too=True))
    run.add_argument("--simulate", action="store_true", help="draw losses from a formula instead of training")
    run.add_argument("--quiet", action="store_true", help="no progress")

    fit = _command(stages, "fit", _fit, "fit a sweep directory or a CSV of runs", json_too=True)
    fit.add_argument(
        "runs", type=Path, metavar="RUNS", help="sweep directory, or CSV with columns N, D, loss"
    )
    fit.add_argument("--out", type=Path, help="keep the law and the plots in this directory")
    fit.add_argument("--columns", metavar="N=..,D=..", help="names of columns, e.g. N=params,D=tokens")

    predict = _law(_command(stages, "predict", _predict, "answer from a saved law", json_too=True))
    predict.add_argument("--flops", type=float, nargs="+", required=True, metavar="C", help="budgets, FLOPs")
    predict.add_argument("--accept-unreliable", action="store_true", help="answer from an unreliable fit")
    table = _law(_command(stages, "table", _table, "Chinchilla table from a saved law"))
    table.add_argument(
        "--flops", type=float, nargs="+", metavar="C", help="budgets (default: trained and 10x)"
    )
    plot = _law(_command(stages, "plot", _plot, "draw a saved law"))
    plot.add_argument(
        "--out", type=Path, default=Path("flops-fit.png"), help="file to draw to (png, pdf, svg)"
    )

    export = _command(stages, "export", _export, "write the runs of a sweep for other tools")
    export.add_argument("dir", type=Path, metavar="DIR", help="sweep directory")
    export.add_argument("--to", type=Path, required=True, metavar="FILE", help="CSV file to write")
    return parser


def _command(
    stages: Any, name: str, run: Callable[[argparse.Namespace], int], says: str, *, json_too: bool = False
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = stages.add_parser(name, help=says, description=says)
    command.set_defaults(run=run, json=False)
    if json_too:
        command.add_argument("--json", action="store_true", help="print JSON")
    return command


def _spec(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("spec", metavar="SPEC", help="YAML, TOML or JSON file")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change one field, e.g. training.lr=0.5",
    )
    return command


def _law(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("law", type=Path, metavar="LAW", help="law.json, or the directory that holds it")
    return command
