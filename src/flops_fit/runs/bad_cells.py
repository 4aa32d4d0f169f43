"""Cells of a table that are not what they must be, and what to do about them."""

import re
from collections.abc import Iterator, Sequence

from flops_fit.errors import text_argument
from flops_fit.runs.cells import KINDS, is_blank, number_in
from flops_fit.runs.columns import NEEDED, Columns
from flops_fit.runs.complaints import Complaint
from flops_fit.runs.ended import ending
from flops_fit.runs.rows import Row
from flops_fit.text_columns import some

_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
"""A number as spreadsheets of much of Europe write it."""
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
"""A count as people read it best."""
_SPENT = frozenset({"n_units", "flops", "flops_6nd"})
"""Nothing where a run failed before its first step."""


def bad_cells(columns: Columns, rows: Sequence[Row]) -> Iterator[Complaint]:
    """Complain about each column whose cells are not what they must be, naming rows."""
    bad = {name: _bad_rows(columns, rows, name) for name in dict.fromkeys([*NEEDED, *KINDS])}
    telling = _telling(columns, rows, {row.name for found in bad.values() for row in found})
    for name, found in bad.items():
        if not found:
            continue
        cells = [columns.cell(row.cells, name).strip()[:30] for row in found]
        told = some([f"{row.name}: {cell or 'nothing'}" for row, cell in zip(found, cells, strict=True)])
        yield Complaint(
            f"column {columns.called(name)!r} must hold {KINDS[name].allowed}; found {told}",
            _to_mend(name, cells, telling),
            "bad-cells",
        )


def unfinished(columns: Columns, rows: Sequence[Row], guess: str | None) -> Iterator[Complaint]:
    """Complain about runs that a tracker says did not finish: their loss is of where they stopped.

    `guess` is the layout of a table that gives itself away and was read without one.
    """
    place = next((i for i, name in enumerate(columns.names) if name.lower() == "state"), None)
    if guess is None or place is None:
        return
    stopped = [row for row in rows if row.cells[place].strip().lower() not in {"finished", ""}]
    if not stopped:
        return
    name = columns.names[place]
    yield Complaint(
        f"column {name!r} says that {len(stopped)} of {len(rows)} runs did not finish: "
        + some([f"{row.name}: {row.cells[place].strip()}" for row in stopped]),
        f"add {text_argument('layout', guess)}, which leaves them out, "
        f"or {text_argument('where', {name: 'finished'})}",
        "bad-cells",
    )


def _bad_rows(columns: Columns, rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if name in columns.places and not _will_do(columns, row, name)]


def _will_do(columns: Columns, row: Row, name: str) -> bool:
    """Accept a blank cell unless it is N, D or loss of a completed run; others may have spent nothing."""
    cell = columns.cell(row.cells, name).strip()
    completed = ending(columns, row) is None
    if name == "loss" and not completed:
        return True
    if is_blank(cell):
        return name not in NEEDED or not completed
    return KINDS[name].is_valid(cell) or (not completed and name in _SPENT and number_in(name, cell) == 0)


def _to_mend(name: str, cells: Sequence[str], telling: str) -> str:
    """Say what to do about the bad cells of one column."""
    if name != "loss" and all(_GROUPED.fullmatch(cell) for cell in cells):
        plain = cells[0].replace(",", "")
        return f"save the table without separators of thousands, {plain} instead of {cells[0]}"
    if any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells):
        return "save the table with decimal points, 5.25 instead of 5,25"
    if all(is_blank(cell) for cell in cells):
        return f"leave those rows out with {telling}" if telling else "fill them in, or delete those rows"
    return f"correct those rows, or {f'leave them out with {telling}' if telling else 'delete them'}"


def _telling(columns: Columns, rows: Sequence[Row], bad: set[str]) -> str:
    """Choose by the value that a column holds in every good row and in no bad one; empty where none does."""
    used = set(columns.places.values())
    for place in (i for i in range(len(columns.names)) if i not in used):
        good = {row.cells[place].strip() for row in rows if row.name not in bad}
        others = {row.cells[place].strip() for row in rows if row.name in bad}
        if len(good) == 1 and not any(map(is_blank, good)) and not good & others:
            return text_argument("where", {columns.names[place]: good.pop()})
    return ""
