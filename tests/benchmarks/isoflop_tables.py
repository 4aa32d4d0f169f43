"""IsoFLOP tables read from CSV files, for the benchmarks."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST_BUDGETS = 5


class Curve(NamedTuple):
    """The runs of one IsoFLOP budget on log scales, in ascending order of N."""

    log_flops: float
    log_n: Floats
    log_loss: Floats
    log_spent: Floats
    """ln of the compute that each run really spent."""
    log_d: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One IsoFLOP table."""

    name: str
    curves: tuple[Curve, ...]
    """One per budget, lowest first."""


def read_tables(path: Path) -> Iterator[Table]:
    """Yield the IsoFLOP tables of a file, one per `source`; the others are named with the reason."""
    by_source = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_source[row.get("source") or path.stem].append(row)
    for name, rows in sorted(by_source.items()):
        curves = _curves(rows)
        off = [np.abs(c.log_spent - np.median(c.log_spent)) > 0.3 for c in curves]
        if len(curves) < FEWEST_BUDGETS:
            print(f"skipped {name}: {len(curves)} numeric budgets")
        elif np.mean(np.concatenate(off)) > 0.1:
            print(f"skipped {name}: compute is not constant within groups")
        else:
            yield Table(name=name, curves=curves)


def _curves(rows: Sequence[dict[str, str]]) -> tuple[Curve, ...]:
    by_group = defaultdict(list)
    for row in rows:
        group, n, d, c, loss = (_number(row.get(key)) for key in ("group", "N", "D", "C", "loss"))
        spent = next((flops for flops in (c, 6 * n * d, group) if flops > 0), np.nan)
        d = d if d > 0 else spent / (6 * n)
        if min(group, n, d, loss) > 0:
            by_group[group].append(np.log([n, loss, spent, d]))
    curves = []
    for group, runs in by_group.items():
        x, y, spent, d = np.array(sorted(runs, key=tuple)).T
        middle = float(np.median(spent))
        named = abs(np.log(group) - middle) < 0.3
        curves.append(Curve(float(np.log(group)) if named else middle, x, y, spent, d))
    return tuple(sorted(curves, key=lambda c: c.log_flops))


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return float("nan")
