"""Tables as text, Markdown, LaTeX, CSV, HTML or JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from flops_fit.errors import FitError
from flops_fit.quantities import Interval
from flops_fit.result.tables.html import as_html
from flops_fit.result.tables.latex import as_latex
from flops_fit.result.tables.table import Row, Table
from flops_fit.result.tables.text import as_markdown, as_text


def written(table: Table, layout: str) -> str:
    """Write a table in one of `FORMATS`.

    Raises:
        FitError: there is no such format (`unknown-format`).
    """
    if layout not in FORMATS:
        raise FitError(
            f"{layout!r} is no format of a table; formats: {', '.join(FORMATS)}.",
            fix="leave the format out for Markdown",
            code="unknown-format",
        )
    return FORMATS[layout](table)


def as_csv(table: Table) -> str:
    """Write full numbers under our own names, and what is doubtful about each row in its last column.

    Banners stand in every row, since rows may be parted; what is doubtful about all of them in the first.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    names = [name for column, value in _first(table) for name, _ in _flat(column, value)]
    writer.writerow([*names, "notes"])
    for i, row in enumerate(table.rows):
        pairs = zip((column.name for column in table.columns), row.values, strict=True)
        numbers = [repr(number) for name, value in pairs for _, number in _flat(name, value)]
        once = table.in_all_rows if i == 0 else ()
        writer.writerow([*numbers, " ".join([*table.banners, *table.notes_about(row), *once])])
    return lines.getvalue().rstrip("\n")


def as_json(table: Table) -> str:
    """Write everything, rows as objects, units by name."""
    content = {
        "banners": table.banners,
        "units": {column.name: column.unit for column in table.columns if column.unit},
        "rows": [_object(table, row) for row in table.rows],
        "notes": table.notes,
        "about_all": table.about_all,
        "legend": table.legend,
    }
    return json.dumps(content, indent=2)


FORMATS: Mapping[str, Callable[[Table], str]] = {
    "markdown": as_markdown,
    "text": as_text,
    "latex": as_latex,
    "csv": as_csv,
    "html": as_html,
    "json": as_json,
}


def _first(table: Table) -> Iterator[tuple[str, float | Interval]]:
    """Pair names with the values of some row: all rows have intervals in the same columns."""
    if table.rows:
        yield from zip((column.name for column in table.columns), table.rows[0].values, strict=True)


def _flat(name: str, value: float | Interval) -> Iterator[tuple[str, float]]:
    if isinstance(value, Interval):
        lead = name.removesuffix("_interval")
        yield f"{lead}_low", float(value.low)
        yield f"{lead}_high", float(value.high)
    else:
        yield name, float(value)


def _object(table: Table, row: Row) -> dict[str, object]:
    pairs = zip(table.columns, row.values, strict=True)
    values = {c.name: asdict(value) if isinstance(value, Interval) else float(value) for c, value in pairs}
    return {**values, "notes": list(row.notes)}
