"""Where runs to fit come from: a sweep directory, a table of any kind, or records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from flops_fit.config import MadeFrom, read_made_from
from flops_fit.design import Finding
from flops_fit.errors import FitError, StoreError, TableError, by_interface, text_argument
from flops_fit.runs import (
    RUNS_FILE,
    SPEC_FILE,
    TABLES,
    DataFrame,
    RunRecord,
    RunStore,
    audit_findings,
    load_table,
)

RunSource = str | Path | DataFrame | Sequence[RunRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The runs of a directory or a table, and what is known of them."""

    records: tuple[RunRecord, ...]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of text of a table, which may name sets of runs."""
    unit: str = "unit"
    loss_unit: str = "unknown"
    findings: tuple[Finding, ...] = ()
    form: Mapping[str, Any] | None = None
    """The fit form of the spec that the runs were trained for, as its options."""
    made_from: MadeFrom | None = None
    n_planned: int = 0
    """How many runs the sweep was planned to have; 0 where nobody knows."""


def read_runs(
    source: RunSource,
    *,
    columns: Mapping[str, str] | None,
    where: Mapping[str, object] | None,
    layout: str | None = None,
) -> Runs:
    """Read a sweep directory, a table or records.

    Raises:
        TableError: as `load_table`, or `not-a-table` where columns are chosen of something else.
        StoreError: the directory holds no sweep, or a damaged one.
    """
    is_sweep = isinstance(source, str | Path) and Path(source).is_dir()
    if isinstance(source, str | Path | DataFrame) and not is_sweep:
        table = load_table(source, columns=columns, where=where, layout=layout)
        return Runs(
            records=table.records,
            labels=table.labels,
            unit=table.unit,
            loss_unit=table.loss_unit,
            findings=table.findings,
        )
    if columns or where or layout:
        raise TableError(
            f"columns, where and layout choose from a table; {source if is_sweep else 'the source'} is none.",
            fix="leave them out, or write a table first: "
            + by_interface(
                command="flops-fit export DIR --out runs.csv", python='export_runs("DIR", "runs.csv")'
            ),
            code="not-a-table",
        )
    if isinstance(source, str | Path):
        return read_sweep(Path(source))
    given = list(source) if isinstance(source, Sequence) else [None]
    records = tuple(record for record in given if isinstance(record, RunRecord))
    if len(records) < len(given):
        raise TableError(
            "fit_runs takes a path, a pandas DataFrame or a list of RunRecords; "
            f"found a {type(source).__name__} of something else.",
            fix='fit_runs("runs.csv")',
            code="no-table",
        )
    return Runs(records=records)


def check_arguments(*, loss_unit: object, unit: object, out: object) -> None:
    """Refuse arguments of `fit_runs` that would only fail once the runs are fitted.

    Raises:
        TableError: one is of a wrong type (`wrong-argument`).
    """
    out = "" if out is None or isinstance(out, PathLike) else out
    given = {"loss_unit": (loss_unit, '"nats per token"'), "unit": (unit, '"token"'), "out": (out, '"law"')}
    for name, (found, example) in given.items():
        if not isinstance(found, str):
            raise TableError(
                f"{name} must be a text; found {found!r}.", fix=f"{name}={example}", code="wrong-argument"
            )


def read_sweep(directory: Path) -> Runs:
    """Return the runs of the plan that a sweep directory holds.

    Rows of an earlier, different plan in the same directory are left where they are.
    """
    with RunStore(directory / RUNS_FILE, read_only=True) as store:
        records, audits = store.read(), store.audits()
    spec_file = directory / SPEC_FILE
    if not spec_file.is_file():
        return Runs(records=records)
    try:
        written = json.loads(spec_file.read_text(encoding="utf-8"))
        plan = written["plan"]
        records = tuple(record for record in records if record.plan_id == plan["plan_id"])
        planned = tuple(Finding(**finding) for finding in plan["findings"])
        n_planned = int(plan.get("n_runs", 0))
        return Runs(
            records=records,
            unit=plan["unit"],
            loss_unit=plan.get("loss_unit", "unknown"),
            findings=(*_missing(len(records), n_planned), *planned, *audit_findings(audits, records)),
            form=written["spec"]["fit"],
            made_from=read_made_from(plan.get("made_from")),
            n_planned=n_planned,
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"{spec_file} is not what `flops-fit run` wrote: {type(error).__name__}: {error}.",
            fix="start the same `flops-fit run` again: it writes the file anew and keeps the runs",
            code="store-damaged",
        ) from error


def _missing(n_runs: int, n_planned: int) -> Iterator[Finding]:
    if n_runs < n_planned:
        yield Finding(
            code="unfinished-sweep",
            severity="warning",
            message=f"The sweep is not finished: {n_planned - n_runs} of its {n_planned} runs are missing.",
            action="start it again: it goes on where it stopped, and fits all of them",
            value=n_planned - n_runs,
            threshold=0,
        )


@contextmanager
def pointing_to_the_rest(runs: Runs) -> Iterator[None]:
    """Let an error about too few runs of an unfinished sweep say how to get those that were planned.

    Raises:
        FitError: the same object that the block raised.
    """
    try:
        yield
    except FitError as error:
        if len(runs.records) < runs.n_planned:
            done = f"{len(runs.records)} of the {runs.n_planned} planned runs are done."
            error.problem = f"{done} {error.problem}"
            error.fix = f"start the sweep again: it goes on where it stopped; or {error.fix}"
        raise


def is_table(path: Path) -> bool:
    """Tell a table from a law: of files of JSON, a list is one."""
    if path.suffix.lower() != ".json":
        return path.suffix.lower() in TABLES and path.is_file()
    try:
        return path.read_text(encoding="utf-8").lstrip().startswith("[")
    except (OSError, UnicodeDecodeError):
        return False


def check_free(out: object, source: RunSource) -> None:
    """Refuse to keep a law where the runs of another sweep are: it would answer for them.

    Raises:
        StoreError: `holds-a-sweep`.
    """
    if not isinstance(out, str | Path) or not (Path(out) / RUNS_FILE).is_file():
        return
    if isinstance(source, str | Path) and Path(source).resolve() == Path(out).resolve():
        return
    other = f"{out}-law"
    raise StoreError(
        f"{out} holds the runs of a sweep; the law of other runs would take the place of theirs.",
        fix=f"keep it elsewhere, e.g. {text_argument('out', other)}",
        code="holds-a-sweep",
    )
