"""Rows of a table that repeat another row: in every cell, or in all that should tell two runs apart."""

from collections import Counter
from collections.abc import Sequence

from flops_fit.design.grid import Finding
from flops_fit.runs.cells import number
from flops_fit.runs.columns import Columns
from flops_fit.runs.rows import Row

_TELL_APART = ("n_params", "n_units", "flops", "seed", "loss")
"""What two runs do not have in common to the last digit."""


def without_copies(rows: Sequence[Row]) -> list[Row]:
    """Keep the first of the rows that are equal in every cell."""
    first: dict[tuple[str, ...], Row] = {}
    for row in rows:
        first.setdefault(tuple(cell.strip() for cell in row.cells), row)
    return list(first.values())


def copied_findings(columns: Columns, kept: Sequence[Row], n_rows: int) -> tuple[Finding, ...]:
    """Return the finding `copied-rows` about those left out of `n_rows`, and about those that are alike."""
    n_left_out, n_alike = n_rows - len(kept), _n_alike(columns, kept)
    messages, actions = [], []
    if n_left_out:
        messages.append(f"{_of(n_left_out, n_rows)} another row in every cell; each is used once.")
        actions.append("if they are different runs, add a column that tells them apart, e.g. `seed`")
    if n_alike:
        messages.append(f"{_of(n_alike, len(kept))} another row, to the last digit of its loss.")
        actions.append(
            "leave copies out: they tell nothing more; if runs differ, give more digits of the loss"
        )
    if not messages:
        return ()
    return (
        Finding(
            code="copied-rows",
            severity="info",
            message=" ".join(messages),
            action="; ".join(actions),
            value=n_left_out + n_alike,
            threshold=0,
        ),
    )


def _of(n_copies: int, n_rows: int) -> str:
    return f"{n_copies} of {n_rows} rows repeat{'s' * (n_copies == 1)}"


def _n_alike(columns: Columns, rows: Sequence[Row]) -> int:
    told = Counter(tuple(columns.cell(row.cells, name).strip() for name in _TELL_APART) for row in rows)
    return sum(count - 1 for cells, count in told.items() if number(cells[-1]) is not None)
