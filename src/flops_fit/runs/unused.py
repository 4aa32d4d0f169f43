"""Columns that tell runs of a table apart and that nothing was made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flops_fit.config.within_reach import FEWEST_RUNS
from flops_fit.design.grid import Finding
from flops_fit.errors import argument, text_argument
from flops_fit.runs.cells import is_blank
from flops_fit.runs.columns import Columns
from flops_fit.runs.guesses import sounds_like_compute
from flops_fit.runs.repetition import tells_of_repetition
from flops_fit.runs.rows import Row
from flops_fit.text_columns import some

_FLAGS = frozenset({"true", "false", "yes", "no"})


def unused_findings(columns: Columns, rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return the finding `unused-columns`, flags first: they often say which runs to leave out."""
    unused = dict(sorted(_unused(columns, rows), key=lambda column: not _is_flag(column[1])))
    if not unused:
        return ()
    return (
        Finding(
            code="unused-columns",
            severity="info",
            message=f"Columns that differ among the runs but were not used: {some(list(unused))}.",
            action=_to_use(unused),
        ),
    )


def _unused(columns: Columns, rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    """Yield each column that is not the same in every row and that no other finding speaks of."""
    used = set(columns.places.values())
    for place, name in enumerate(columns.names):
        is_told = tells_of_repetition(name) or ("flops" not in columns.places and sounds_like_compute(name))
        cells = [row.cells[place].strip() for row in rows]
        if name and place not in used and not is_told and len(set(cells)) > 1:
            yield name, cells


def _is_flag(cells: Sequence[str]) -> bool:
    return all(cell.lower() in _FLAGS or is_blank(cell) for cell in cells)


def _to_use(unused: Mapping[str, Sequence[str]]) -> str:
    """Offer the commonest value of the first column of which one has enough runs for a fit."""
    for name, cells in unused.items():
        commonest = Counter(cell for cell in cells if not is_blank(cell)).most_common(1)
        if commonest and commonest[0][1] >= FEWEST_RUNS:
            chosen = text_argument("where", {name: commonest[0][0]})
            return f"if not all runs are meant, choose them by a column, e.g. {chosen}"
    return f"if one of them holds N, D, C or another field, say so with {argument('columns')}"
