"""Columns that hold a whole object per run, as trackers write `config` and `summary`: one column per key."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from flops_fit.runs.rows import Row, Rows, written

FOLDED = ("config", "summary")
"""Columns that are unfolded; a key of theirs becomes e.g. `config.model.hidden_dim`."""
_NOT_LITERAL = re.compile(r"(?<=[\s:,\[({])-?(?:nan|inf)(?=\s*[,}\])])")
"""What `str` of a float may be that Python does not read back."""


def unfolded(rows: Rows) -> Rows:
    """Replace each folded column of which every cell is an object, as JSON or Python writes it, or blank."""
    for name in FOLDED:
        if rows.header.count(name) == 1:
            rows = _unfold(rows, name)
    return rows


def _unfold(rows: Rows, name: str) -> Rows:
    place, width = rows.header.index(name), len(rows.header)
    objects = [_object(row.cells[place]) if len(row.cells) == width else {} for row in rows.rows]
    if any(found is None for found in objects):
        return rows
    flat = [dict(_flat(found or {}, name)) for found in objects]
    keys = [key for key in dict.fromkeys(key for found in flat for key in found) if key not in rows.header]
    unfolded_rows = (
        Row(row.name, _without(row.cells, place) + [found.get(key, "") for key in keys])
        if len(row.cells) == width
        else row
        for row, found in zip(rows.rows, flat, strict=True)
    )
    return replace(rows, header=(*_without(list(rows.header), place), *keys), rows=tuple(unfolded_rows))


def _object(cell: str) -> Mapping[str, object] | None:
    """Read an object; None where the cell is something else."""
    if not cell.strip():
        return {}
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        found = _literal(cell)
    return found if isinstance(found, dict) else None


def _literal(cell: str) -> object:
    """Read what Python's `str` made of an object, where numbers may be nan and inf."""
    try:
        return ast.literal_eval(_NOT_LITERAL.sub("None", cell))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _flat(found: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, name)
        else:
            yield name, written(value)


def _without(cells: list[str], place: int) -> list[str]:
    return cells[:place] + cells[place + 1 :]
