"""Columns that hold millions, or other multiples of what is meant: `N=params_M*1e6`."""

import re
from collections.abc import Mapping
from dataclasses import replace

from flops_fit.runs.cells import times
from flops_fit.runs.columns import place_of
from flops_fit.runs.rows import Row, Rows

_TIMES = re.compile(
    r"(?P<column>.+?)\s*\*\s*(?P<factor>[0-9]+(?:[.][0-9]+)?(?:e[+-]?[0-9]+)?)", re.IGNORECASE
)


def scaled(table: Rows, wanted: Mapping[str, str]) -> Rows:
    """Multiply each column that `wanted` names with a factor, and call it as it is named there.

    A column that is really called like `a*2` is taken as it is. Cells that are no plain numbers stay.
    """
    for name in dict.fromkeys(wanted.values()):
        parts = _TIMES.fullmatch(name)
        place = place_of(table.header, parts["column"]) if parts else None
        if parts and place is not None and name not in table.header:
            table = _multiplied(table, place, float(parts["factor"]), name)
    return table


def _multiplied(table: Rows, place: int, factor: float, name: str) -> Rows:
    header = (*table.header[:place], name, *table.header[place + 1 :])
    return replace(table, header=header, rows=tuple(_row(row, place, factor) for row in table.rows))


def _row(row: Row, place: int, factor: float) -> Row:
    cells = list(row.cells)
    if place < len(cells):  # else a ragged line, which the reader complains about
        cells[place] = times(cells[place], factor)
    return Row(row.name, cells)
