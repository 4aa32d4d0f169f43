"""Tables of runs that anybody trained, read as ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flops_fit.design.grid import Finding
from flops_fit.runs.bad_cells import bad_cells, unfinished
from flops_fit.runs.cells import is_blank, number, value_of
from flops_fit.runs.columns import Columns, find_columns
from flops_fit.runs.complaints import Complaint, collected
from flops_fit.runs.compute import compute_findings
from flops_fit.runs.copies import copied_findings, without_copies
from flops_fit.runs.ended import ending
from flops_fit.runs.layouts import known_fields, layout_of, translated
from flops_fit.runs.named_budgets import budget_findings
from flops_fit.runs.options import check_options
from flops_fit.runs.record import RunRecord
from flops_fit.runs.repetition import repetition_findings
from flops_fit.runs.rows import DataFrame, Row, Rows, read_rows
from flops_fit.runs.scaled import scaled
from flops_fit.runs.steps import step_findings
from flops_fit.runs.strange import strange_findings
from flops_fit.runs.unfold import unfolded
from flops_fit.runs.unused import unused_findings
from flops_fit.runs.where import chosen
from flops_fit.text_columns import some


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The runs of a table, and its columns of text that say something else about them."""

    records: tuple[RunRecord, ...]
    labels: Mapping[str, tuple[str, ...]]
    """Column to the text of each run, e.g. which data it was trained on."""
    unit: str = "unit"
    """Of D, where a column `unit` says the same of every run."""
    loss_unit: str = "unknown"
    """Of the loss, where the layout or a column `loss_unit` says."""
    findings: tuple[Finding, ...] = ()
    """What its columns say that the runs do not."""


def read_table(
    source: str | Path | DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, object] | None = None,
    layout: str | None = None,
) -> tuple[RunRecord, ...]:
    """Return the records of `load_table`."""
    return load_table(source, columns=columns, where=where, layout=layout).records


def load_table(
    source: str | Path | DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, object] | None = None,
    layout: str | None = None,
) -> Table:
    """Read the runs of a table.

    Columns N, D and loss are needed; C (FLOPs), budget, seed and every column of our own exports are used
    where they are there. Without C, compute is 6·N·D. A column `group` of numbers is taken for `budget` where
    there is no column of that name; one that holds text names no budgets.
    Columns `unit` and `loss_unit` say what D and the loss are counted in.
    N, D, C and budgets may end like 350K, 6.8B or 1.2T. Rows that are equal in every cell are used once, and
    a run whose loss is infinite counts as diverged, one whose loss is blank as failed.
    Columns `config` and `summary` that hold objects become one column per key, e.g. `config.n_params`.

    Args:
        source: A CSV file with a header, a Parquet file, JSON lines, a JSON list of objects, or a pandas
            DataFrame.
        columns: Our name to the table's, e.g. {"N": "params", "D": "tokens"}; with a factor where a column
            holds multiples of what is meant, e.g. {"N": "params_M*1e6"}.
        where: Take only rows that hold these values, e.g. {"data": "c4"}; any column of the table will do.
        layout: Whose table it is, so that its columns are known: one of `LAYOUTS`.

    Raises:
        TableError: `no-table`, `table-format`, `needs-pyarrow`, `missing-column`, `unknown-column`,
            `unknown-layout`, `bad-columns`, `bad-where` or `bad-cells`, with every problem of the table in
            one message.
    """
    check_options(columns=columns, where=where)
    table, loss_unit = unfolded(read_rows(source)), "unknown"
    n_own, guess = len(table.header), _guess(table, layout)
    table = scaled(table, columns or {})
    if layout is not None:
        table, loss_unit = translated(table, layout, columns or {})
    if not table.header:
        raise collected(table.source, [Complaint("it has no runs", "give one row per run", "table-format")])
    told = known_fields(table.header, guess)
    found, complaints = find_columns(table.header, columns or {}, layout or guess, n_own, told)
    complaints += _ragged(table)
    rows = [row for row in table.rows if len(row.cells) == len(table.header)]
    rows, misplaced = chosen(table.header, rows, where or {})
    found = _without_text_groups(found, rows, columns or {})
    if not (complaints or misplaced):  # missing columns point to the layout themselves
        complaints += unfinished(found, rows, guess)
    complaints += misplaced or bad_cells(found, rows)
    if not table.rows:
        complaints.append(Complaint("it has a header but no rows", "give one row per run", "table-format"))
    if complaints:
        raise collected(table.source, complaints)
    n_rows, rows = len(rows), without_copies(rows)
    records, labels = tuple(_record(found, row) for row in rows), _labels(found, rows)
    units = {name: labels.pop(name) for name in ("unit", "loss_unit") if len(set(labels.get(name, ()))) == 1}
    return Table(
        records=records,
        labels=labels,
        unit=units.get("unit", ("unit",))[0],
        loss_unit=loss_unit if layout else units.get("loss_unit", ("unknown",))[0],
        findings=(
            *strange_findings(found, rows, columns or {}),
            *copied_findings(found, rows, n_rows),
            *budget_findings(found, rows),
            *step_findings(found),
            *repetition_findings(found, rows),
            *compute_findings(found, rows, columns or {}),
            *(unused_findings(found, rows) if layout is None else ()),
        ),
    )


def _guess(table: Rows, layout: str | None) -> str | None:
    """Return the layout of a table that gives itself away and is read without one."""
    return layout_of(table.header, (row.cells for row in table.rows)) if layout is None else None


def _without_text_groups(columns: Columns, rows: Sequence[Row], wanted: Mapping[str, str]) -> Columns:
    """Forget a `group` that holds anything but numbers: it names architectures, data sets or ratios.

    Where `wanted` says that it holds budgets, its cells are complained about instead.
    """
    if "budget" not in columns.places or columns.called("budget") != "group":
        return columns
    if {"budget", "group"} & wanted.keys():
        return columns
    groups = [columns.cell(row.cells, "budget") for row in rows]
    if all(is_blank(group) or number(group) is not None for group in groups):
        return columns
    places = {name: place for name, place in columns.places.items() if name != "budget"}
    return replace(columns, places=places)


def _labels(columns: Columns, rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Collect the columns that hold text and none of our fields."""
    used = set(columns.places.values())
    others = {i: [row.cells[i].strip() for row in rows] for i in range(len(columns.names)) if i not in used}
    return {
        columns.names[i]: tuple(cells)
        for i, cells in others.items()
        if any(not is_blank(cell) and number(cell) is None for cell in cells)
    }


# ---- problems


def _ragged(table: Rows) -> Iterator[Complaint]:
    width = len(table.header)
    odd = [f"{row.name} has {len(row.cells)}" for row in table.rows if len(row.cells) != width]
    if odd:
        yield Complaint(
            f"the header has {width} cells, but {some(odd)}",
            "give every line as many cells as the header; quote cells that hold a comma",
            "table-format",
        )


# ---- rows

_OPEN: Mapping[str, Any] = {
    "budget": None,
    "size": "",
    "seed": 0,
    "n_params": 0.0,
    "n_units": 0.0,
    "n_params_nonembedding": None,
    "loss": None,
    "origin": "imported",
}
"""What an imported run is taken to be where its table says nothing."""


def _record(columns: Columns, row: Row) -> RunRecord:
    """Turn a checked row into a run; what the table leaves open is filled in as for an imported run."""
    values = {name: value_of(name, columns.cell(row.cells, name)) for name in columns.places}
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    given = {name: value for name, value in given.items() if value != ""}
    flops_6nd = 6.0 * given.get("n_params", 0.0) * given.get("n_units", 0.0)
    if ended := ending(columns, row):
        reason = {"reason": ended.reason} if ended.reason else {}
        given |= {"loss": None, "status": ended.status, **reason}
    open_fields = {**_OPEN, "run_id": row.name, "flops": flops_6nd, "flops_6nd": flops_6nd}
    return RunRecord(**{**open_fields, **given})
