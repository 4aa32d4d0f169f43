"""Tables of runs as CSV: read from anywhere, written for other tools."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple, cast

from flops_fit.errors import TableError, unwritable
from flops_fit.runs.cells import KINDS, Kind, number
from flops_fit.runs.columns import NEEDED, Columns, Complaint, find_columns
from flops_fit.runs.record import Origin, RunRecord, Status

_FIRST = (
    "run_id budget size seed n_params n_params_nonembedding n_units flops flops_6nd loss status reason wall_s"
)
COLUMNS = (*_FIRST.split(), *(f.name for f in fields(RunRecord) if f.name not in _FIRST.split()))
"""Columns of an exported table, in order."""

_SHOWN = 5
"""Lines named per problem."""


class _Line(NamedTuple):
    number: int
    """As an editor counts, the header being line 1."""
    cells: list[str]


def read_table(path: str | Path, *, columns: Mapping[str, str] | None = None) -> tuple[RunRecord, ...]:
    """Read the runs of a CSV file.

    Columns N, D and loss are needed; C (FLOPs), budget, seed and every column of our own exports are used
    where they are there. Without C, compute is 6·N·D. A column `group` that holds text names no budgets.

    Args:
        path: A CSV file with a header.
        columns: Our name to the table's, e.g. {"N": "params", "D": "tokens"}.

    Raises:
        TableError: `no-table`, `table-format`, `missing-column`, `unknown-column` or `bad-cells`, with every
            problem of the table in one message.
    """
    header, *lines = _read_lines(Path(path))
    found, complaints = find_columns(header.cells, columns or {})
    found = _without_text_groups(found, lines)
    complaints += [*_ragged(header, lines), *_bad_cells(found, lines)]
    if not lines:
        complaints.append(Complaint("it has a header but no rows", "give one row per run", "table-format"))
    if complaints:
        raise _error(path, complaints)
    return tuple(_record(found, line) for line in lines)


def write_table(records: Sequence[RunRecord], path: str | Path) -> None:
    """Write runs as CSV in the order of `COLUMNS`; `read_table` gives the same runs back.

    Raises:
        TableError: `unknown-format`, the suffix promises something else.
        StoreError: `unwritable-file`.
    """
    target = Path(path)
    if target.suffix.lower() not in {".csv", ""}:
        fix = f"name it {target.with_suffix('.csv')}"
        problem = f"{target}: {target.suffix!r} is no format of a table; formats: .csv."
        raise TableError(problem, fix=fix, code="unknown-format")
    try:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([_written(getattr(record, name)) for name in COLUMNS] for record in records)
    except OSError as error:
        raise unwritable(target, error) from error


def _written(value: float | str | None) -> str:
    """Write a value so that reading it gives it back: repr keeps every digit of a float."""
    if value is None:
        return ""
    return value if isinstance(value, str) else repr(value)


# ---- reading


def _read_lines(path: Path) -> list[_Line]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [_Line(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise TableError(
            f"{path} cannot be read: {error.strerror}.", fix="give the path of a CSV file", code="no-table"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _error(path, [_no_csv(str(error))]) from error
    if not lines:
        raise _error(path, [_no_csv("it is empty")])
    if len(header := lines[0].cells) == 1 and (found := [mark for mark in ";\t|" if mark in header[0]]):
        raise _error(path, [_no_csv(f"its cells are separated by {found[0]!r}")])
    return lines


def _no_csv(reason: str) -> Complaint:
    return Complaint(
        f"it is no CSV file: {reason}", "save it as comma-separated UTF-8 with a header", "table-format"
    )


def _without_text_groups(columns: Columns, lines: Sequence[_Line]) -> Columns:
    """Forget a `group` that holds anything but numbers: it names architectures, data sets or ratios."""
    if "budget" not in columns.places or columns.called("budget").lower() != "group":
        return columns
    groups = [columns.cell(line.cells, "budget") for line in lines if len(line.cells) == len(columns.names)]
    if all(not group.strip() or number(group) is not None for group in groups):
        return columns
    places = {name: place for name, place in columns.places.items() if name != "budget"}
    return Columns(names=columns.names, places=places)


# ---- problems


def _ragged(header: _Line, lines: Sequence[_Line]) -> Iterator[Complaint]:
    width = len(header.cells)
    odd = [f"line {line.number} has {len(line.cells)}" for line in lines if len(line.cells) != width]
    if odd:
        yield Complaint(
            f"the header has {width} cells, but {_some(odd)}",
            "give every line as many cells as the header; quote cells that hold a comma",
            "table-format",
        )


def _bad_cells(columns: Columns, lines: Sequence[_Line]) -> Iterator[Complaint]:
    """Complain about each column whose cells are not what they must be, naming lines."""
    whole_lines = [line for line in lines if len(line.cells) == len(columns.names)]
    for name, kind in KINDS.items():
        bad = [
            f"line {line.number}: {columns.cell(line.cells, name) or 'nothing'}"
            for line in whole_lines
            if name in columns.places and not _will_do(columns, line, name, kind)
        ]
        if bad:
            yield Complaint(
                f"column {columns.called(name)!r} must hold {kind.allowed}; found {_some(bad)}",
                "correct those lines, or delete runs that have no result",
                "bad-cells",
            )


def _will_do(columns: Columns, line: _Line, name: str, kind: Kind) -> bool:
    """Accept a blank cell unless it is N or D of any run or the loss of a completed one."""
    cell = columns.cell(line.cells, name).strip()
    if cell:
        return kind.is_valid(cell)
    return name not in NEEDED or (
        name == "loss" and columns.cell(line.cells, "status") in {"diverged", "failed"}
    )


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _error(path: str | Path, complaints: Sequence[Complaint]) -> TableError:
    """Put every problem of a table into one error."""
    fixes = "\n       ".join(dict.fromkeys(complaint.fix for complaint in complaints))
    if len(complaints) == 1:
        return TableError(f"{path}: {complaints[0].problem}.", fix=fixes, code=complaints[0].code)
    listed = "".join(f"\n  {i}. {complaint.problem}" for i, complaint in enumerate(complaints, 1))
    return TableError(f"{len(complaints)} problems in {path}:{listed}", fix=fixes, code=complaints[0].code)


# ---- rows


def _record(columns: Columns, line: _Line) -> RunRecord:
    """Turn a checked line into a run; what the table leaves open is filled in as for an imported run."""

    def text(name: str) -> str:
        return columns.cell(line.cells, name)

    def value(name: str) -> float | None:
        return number(text(name))

    def whole(name: str) -> int | None:
        return None if value(name) is None else int(float(text(name)))

    n_params, n_units = float(text("n_params")), float(text("n_units"))
    return RunRecord(
        run_id=text("run_id") or f"line {line.number}",
        budget=value("budget"),
        size=text("size"),
        seed=whole("seed") or 0,
        n_params=n_params,
        n_params_nonembedding=value("n_params_nonembedding"),
        n_units=n_units,
        flops=value("flops") or 6.0 * n_params * n_units,
        flops_6nd=value("flops_6nd") or 6.0 * n_params * n_units,
        loss=value("loss"),
        status=cast("Status", text("status").strip() or "completed"),
        reason=text("reason"),
        wall_s=value("wall_s"),
        origin=cast("Origin", text("origin").strip() or "imported"),
        n_units_planned=value("n_units_planned"),
        n_steps=whole("n_steps"),
        batch_size=whole("batch_size"),
        lr=value("lr"),
        precision=text("precision"),
        plan_id=text("plan_id"),
    )
