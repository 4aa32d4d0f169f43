"""What the command line takes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flops_fit
from flops_fit.cli import authors, checklist, estimate, explain, laws, selftest, sweeps
from flops_fit.cli.reading import Parser, number, quantity, share, with_negatives

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def read(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line.

    Raises:
        UsageError: `bad-command-line`.
    """
    words = sys.argv[1:] if argv is None else argv
    args, unknown = parser().parse_known_args(with_negatives(words or ["--help"]))
    if unknown:
        args.command.refuse(unknown)
    return args


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; `run` of its result carries the chosen one out."""
    root = Parser(
        prog="flops-fit", description="How big a model, on how much data, to what loss, for a compute budget."
    )
    root.add_argument("--version", action=_Version, nargs=0, help="print the version")
    root.add_argument("--debug", action="store_true", help="show tracebacks")
    stages = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _about_sweeps(stages)
    _about_fits(stages)
    _about_answers(stages)
    _about_pictures(stages)
    _about_files(stages)
    _about_authors(stages)
    return root


def _about_sweeps(stages: Any) -> None:
    demo = _command(
        stages,
        sweeps.demo,
        json_too=True,
    )
    demo.add_argument("--out", type=Path, default=Path("flops-fit-demo"), help="directory to keep it in")
    demo.add_argument("--seeds", type=int, default=1, help="trainings per cell (default 1)")
    demo.add_argument("--quiet", action="store_true", help="no progress")

    plugins = _command(stages, sweeps.plugins, json_too=True)
    plugins.add_argument("--check", action="store_true", help="load everything; exit 1 if anything is broken")

    _command(stages, sweeps.schema)

    init = _command(stages, sweeps.init)
    init.add_argument("--model", default="gpt", help="model family (default gpt)")
    init.add_argument("--data", default="stdlib_text", help="data source (default stdlib_text)")
    init.add_argument("--preset", choices=("quick", "thorough"), default="quick", help="size of the sweep")
    init.add_argument(
        "--out", type=Path, default=Path("sweep.yaml"), help="file to write (default sweep.yaml)"
    )

    _spec(_command(stages, sweeps.check))
    _spec(_command(stages, sweeps.plan, json_too=True))
    cost = _spec(_command(stages, estimate.estimate, json_too=True))
    cost.add_argument(
        "--price-per-hour", type=number, metavar="PRICE", help="what this machine costs an hour"
    )
    run = _spec(_command(stages, sweeps.run, json_too=True))
    run.add_argument("--simulate", action="store_true", help="draw losses from a formula instead of training")
    run.add_argument("--quiet", action="store_true", help="no progress")


def _about_fits(stages: Any) -> None:
    fit = _command(stages, laws.fit, json_too=True)
    fit.add_argument(
        "runs",
        type=Path,
        metavar="RUNS",
        help="sweep directory, or table (.csv, .parquet, .jsonl, .json) with columns N, D, loss",
    )
    fit.add_argument("--out", type=Path, help="keep law, plots and report in this directory")
    fit.add_argument(
        "--columns",
        metavar="N=..,D=..",
        help="names of columns, e.g. N=params,D=tokens; 'N=params_M*1e6' of one in millions",
    )
    fit.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only rows that hold this value; repeat for further columns",
    )
    fit.add_argument("--layout", metavar="TOOL", help="whose table it is: wandb, nanochat or marin")
    fit.add_argument("--form", metavar="FORM", help="what to fit: a name, or YAML like '{kind: ces}'")
    fit.add_argument(
        "--n-is",
        choices=("total", "non-embedding"),
        default="unknown",
        help="parameters that the table's N counts",
    )
    fit.add_argument("--c-is", choices=("6ND", "counted"), default="unknown", help="what the table's C is")
    fit.add_argument(
        "--loss-unit", default="unknown", metavar="UNIT", help="of the table's loss, e.g. 'nats per token'"
    )
    fit.add_argument("--unit", default="", help="what one unit of the table's D is, e.g. token")


def _about_answers(stages: Any) -> None:
    predict = _law(_command(stages, laws.predict, json_too=True))
    predict.add_argument(
        "--flops", type=quantity, nargs="+", metavar="C", help="compute: one or more budgets, FLOPs"
    )
    predict.add_argument("--gpu-hours", type=number, metavar="H", help="budget, hours of one device")
    predict.add_argument(
        "--n-params", type=quantity, metavar="N", help="this size of model, parameters, e.g. 20K or 1.5B"
    )
    predict.add_argument(
        "--n-units", type=quantity, metavar="D", help="on so much data, e.g. 2B (tokens, images, samples)"
    )
    predict.add_argument("--loss", type=number, metavar="L", help="to this loss")
    predict.add_argument(
        "--inference-units",
        type=quantity,
        metavar="D",
        help="data units that it will serve in its life; with --flops or --loss",
    )
    predict.add_argument(
        "--device", metavar="NAME", help="e.g. H100, or peak FLOP/s (default: as fast as the sweep was)"
    )
    predict.add_argument(
        "--utilisation",
        type=share,
        metavar="SHARE",
        help="of the device's peak that training sustains, e.g. 0.4",
    )
    predict.add_argument(
        "--accept-unreliable", action="store_true", help="answer all the same, marked: exit status 3"
    )
    table = _law(_command(stages, laws.table))
    table.add_argument(
        "--flops", type=quantity, nargs="+", metavar="C", help="budgets (default: trained and 10x)"
    )
    table.add_argument(
        "--format",
        choices=("markdown", "text", "latex", "csv", "html", "json"),
        default="markdown",
        help="how to write it (default markdown); csv and json hold full numbers",
    )


def _about_pictures(stages: Any) -> None:
    plot = _law(_command(stages, laws.plot))
    plot.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to draw to: png, pdf, svg or what else matplotlib writes "
        "(default plots/drawn-NAME.png beside the law)",
    )
    plot.add_argument(
        "--picture",
        default="overview",
        metavar="NAME",
        help="overview (default), isoflop, size, data, loss, ratio, surface, residuals or backtest; of a "
        "law over one quantity (m1 to m4, bnsl) overview, curve, residuals or backtest; for training curves "
        "use --curves",
    )
    plot.add_argument("--width", choices=("single", "double"), default="double", help="columns of a journal")
    plot.add_argument("--curves", action="store_true", help="draw how the losses fell; LAW is the directory")
    report = _law(_command(stages, laws.report))
    report.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default report.html beside the law)"
    )
    report.add_argument(
        "--flops",
        type=quantity,
        nargs="+",
        metavar="C",
        help="budgets, the last answered first (default: 10x)",
    )


def _about_files(stages: Any) -> None:
    trial = _command(stages, selftest.selftest, json_too=True)
    trial.add_argument("what", choices=("distributed", "truth"), help="what to test")
    _spec(trial, required=False)
    trial.add_argument(
        "--processes", type=_at_least(2), default=2, metavar="N", help="how many train together (default 2)"
    )
    trial.add_argument(
        "--steps", type=_at_least(1), default=100, metavar="N", help="steps to compare (default 100)"
    )
    trial.add_argument(
        "--source",
        action="append",
        metavar="NAME",
        help="truth: of which data source (default: all installed)",
    )
    trial.add_argument("--seed", type=int, default=0, help="truth: of task and training (default 0)")
    trial.add_argument("--out", type=Path, metavar="DIR", help="truth: keep the sweeps in this directory")
    trial.add_argument("--quiet", action="store_true", help="truth: no progress")

    _law(_command(stages, checklist.checklist, json_too=True))

    export = _command(stages, sweeps.export)
    export.add_argument("dir", type=Path, metavar="DIR", help="sweep directory")
    export.add_argument(
        "--out",
        "--to",
        dest="out",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write: .csv, .parquet or .jsonl",
    )


def _about_authors(stages: Any) -> None:
    new = _command(stages, authors.new_plugin)
    new.add_argument("name", metavar="NAME", help="name of the distribution to publish, e.g. gated-ssm")
    new.add_argument("--directory", type=Path, metavar="DIR", help="folder to write (default ./NAME)")

    told = _command(stages, explain.explain)
    told.add_argument("code", metavar="CODE", nargs="?", help="e.g. unknown-op; without it, list all")


def _command(
    stages: Any, run: Callable[[argparse.Namespace], int], *, json_too: bool = False
) -> argparse.ArgumentParser:
    """Add the command that `run` carries out; its docstring is what `--help` says."""
    command: argparse.ArgumentParser = stages.add_parser(
        run.__name__.replace("_", "-"), help=run.__doc__, description=run.__doc__
    )
    command.set_defaults(run=run, command=command, json=False)
    if json_too:
        command.add_argument("--json", action="store_true", help="print JSON")
    return command


def _spec(command: argparse.ArgumentParser, *, required: bool = True) -> argparse.ArgumentParser:
    command.add_argument(
        "spec", metavar="SPEC", nargs=None if required else "?", help="YAML, TOML or JSON file"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change one field, e.g. training.lr=0.5",
    )
    return command


class _Version(argparse.Action):
    """Asks for the version only when somebody wants it: looking it up takes longer than all else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        print(f"flops-fit {flops_fit.__version__}")
        parser.exit()


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return whole


def _law(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("law", type=Path, metavar="LAW", help="law.json, or the directory that holds it")
    return command
