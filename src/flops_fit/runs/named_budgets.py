"""Which column the budgets of a table come from, where its name does not say so."""

from collections.abc import Sequence

from flops_fit.design.grid import Finding
from flops_fit.errors import text_argument
from flops_fit.runs.cells import number_in
from flops_fit.runs.columns import Columns
from flops_fit.runs.rows import Row


def budget_findings(columns: Columns, rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return the finding `named-budgets` where a column that is not called `budget` is taken for it."""
    if "budget" not in columns.places or columns.called("budget").lower() == "budget":
        return ()
    found = [number_in("budget", columns.cell(row.cells, "budget")) for row in rows]
    named = [budget for budget in found if budget is not None]
    if not named:
        return ()
    return (
        Finding(
            code="named-budgets",
            severity="info",
            message=f"Budgets are those in column {columns.called('budget')!r}: {len(set(named))} of them, "
            f"for {len(named)} of {len(rows)} runs.",
            action="if it holds something else, rename it, or say which column holds budgets: "
            + text_argument("columns", {"budget": "COLUMN"}),
        ),
    )
