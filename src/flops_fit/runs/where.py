"""Which rows of a table are meant: those that hold given values in given columns."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from flops_fit.errors import text_argument
from flops_fit.runs.cells import is_blank, number
from flops_fit.runs.complaints import Complaint
from flops_fit.runs.rows import Row, written
from flops_fit.text_columns import some

_COMPARING = "!<>~ "
"""What is left of a comparison such as != behind the name of a column, once it was split at =."""


def chosen(
    header: Sequence[str], rows: Sequence[Row], where: Mapping[str, object]
) -> tuple[list[Row], list[Complaint]]:
    """Return the rows that hold every value of `where`, and what is wrong with it.

    Numbers are equal as numbers, e.g. 1e18 and 1.0e+18; everything else as text without surrounding blanks.
    """
    kept, complaints = list(rows), []
    for column, value in where.items():
        if column not in header:
            compares = column.rstrip(_COMPARING) != column
            complaints.append((_compared if compares else _no_column)(column, value, header, rows))
            continue
        place = list(header).index(column)
        before, kept = kept, [row for row in kept if _equal(row.cells[place], written(value))]
        if before and not kept:
            complaints.append(_no_row(column, value, [row.cells[place].strip() for row in before]))
            break
    return kept, complaints


def _equal(cell: str, wanted: str) -> bool:
    value = number(cell)
    return cell.strip() == wanted.strip() or (value is not None and value == number(wanted))


def _compared(column: str, value: object, header: Sequence[str], rows: Sequence[Row]) -> Complaint:
    """Complain about `loss!=nan` and the like, of which the column here is `loss!`."""
    return Complaint(
        f"where: {column}={value} is no COLUMN=VALUE; rows are chosen by equal values only",
        _instead(column, written(value), header, rows),
        "bad-where",
    )


def _instead(column: str, unwanted: str, header: Sequence[str], rows: Sequence[Row]) -> str:
    """Say how to leave rows out without a comparison: by a value of the others, else in the table itself."""
    if column.endswith("!") and is_blank(unwanted):
        return "leave it out: rows without a loss take no part"
    near = difflib.get_close_matches(column.rstrip(_COMPARING), header, n=1)
    if column.endswith("!") and near:
        cells = [row.cells[list(header).index(near[0])].strip() for row in rows]
        kept = Counter(cell for cell in cells if not is_blank(cell) and not _equal(cell, unwanted))
        if len(kept) == 1:
            return text_argument("where", {near[0]: next(iter(kept))})
    return "delete from the table the rows to be left out"


def _no_column(column: str, value: object, header: Sequence[str], rows: Sequence[Row]) -> Complaint:
    near, meant = difflib.get_close_matches(column, header, n=1), str(value)
    if near and rows:
        meant = _meant(value, [row.cells[list(header).index(near[0])].strip() for row in rows])
    return Complaint(
        f"where: no column is called {column!r}; the table has {some(header)}",
        text_argument("where", {near[0] if near else "COLUMN": meant}),
        "bad-where",
    )


def _no_row(column: str, value: object, cells: Sequence[str]) -> Complaint:
    found = some([f"{cell} ({n} row{'s' * (n > 1)})" for cell, n in Counter(cells).most_common()])
    return Complaint(
        f"where: no row has {column} = {value}; found {found}",
        text_argument("where", {column: _meant(value, cells)}),
        "bad-where",
    )


def _meant(value: object, cells: Sequence[str]) -> str:
    """Return a value that occurs: the one given, else the one spelt most like it, else the commonest."""
    if any(_equal(cell, written(value)) for cell in cells):
        return str(value)
    ordered = [cell for cell, _ in Counter(cells).most_common()]
    return (difflib.get_close_matches(str(value), ordered, n=1) or ordered)[0]
