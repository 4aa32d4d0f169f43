"""Whether a table that is taken to say nothing of compute has a column that may hold it."""

from collections.abc import Mapping, Sequence

from flops_fit.design.grid import Finding
from flops_fit.errors import text_argument
from flops_fit.runs.cells import is_blank, number
from flops_fit.runs.columns import Columns
from flops_fit.runs.guesses import sounds_like_compute
from flops_fit.runs.rows import Row


def compute_findings(columns: Columns, rows: Sequence[Row], wanted: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the finding `unused-compute` where C is 6·N·D although a column sounds like compute.

    Such a column may be in another unit, or be the compute of something else, so it is named and not taken.
    `wanted` is what was said of other columns, which the action repeats.
    """
    used = set(columns.places.values())
    free = [i for i in range(len(columns.names)) if i not in used and _holds_numbers(i, rows)]
    found = next((columns.names[i] for i in free if sounds_like_compute(columns.names[i])), None)
    if "flops" in columns.places or found is None:
        return ()
    return (
        Finding(
            code="unused-compute",
            severity="info",
            message=f"Column {found!r} sounds like compute but was not used: C is 6·N·D.",
            action=f"if it is the compute of each run in FLOPs, say {_as_compute(wanted, found)}; "
            f"if it is that in another unit, e.g. in GFLOPs, {_as_compute(wanted, f'{found}*1e9')}",
        ),
    )


def _as_compute(wanted: Mapping[str, str], column: str) -> str:
    return text_argument("columns", {**wanted, "C": column})


def _holds_numbers(place: int, rows: Sequence[Row]) -> bool:
    """Whether a column holds positive numbers where it is not blank, and is not blank throughout."""
    cells = [row.cells[place] for row in rows if not is_blank(row.cells[place])]
    return bool(cells) and all((number(cell) or 0.0) > 0 for cell in cells)
