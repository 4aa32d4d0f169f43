"""How the loss of a run fell: training and held-out losses at a bounded number of steps."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

Kind = Literal["train", "held_out"]


class CurvePoint(NamedTuple):
    """One loss on the way."""

    kind: Kind
    step: int
    """Steps taken before."""
    loss: float
    """Nats per unit; of training, the mean over the steps since the point before."""


Curve = tuple[CurvePoint, ...]
"""The points of one run, training first, each kind by step; a run of a trunk has the trunk's points too."""

CURVES = """
CREATE TABLE curves (
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('train', 'held_out')),
    step INTEGER NOT NULL,
    loss REAL NOT NULL,
    PRIMARY KEY (run_id, kind, step)
) WITHOUT ROWID
"""
INSERT_POINT = "INSERT OR IGNORE INTO curves (run_id, kind, step, loss) VALUES (?, ?, ?, ?)"
SELECT_POINTS = "SELECT run_id, kind, step, loss FROM curves ORDER BY run_id, kind DESC, step"


def rows_of(run_id: str, curve: Curve) -> list[tuple[str, str, int, float]]:
    """Return what `INSERT_POINT` takes."""
    return [(run_id, *point) for point in curve]


def curves_of(rows: Iterable[Sequence[object]]) -> dict[str, Curve]:
    """Return the curve of each run from what `SELECT_POINTS` gives."""
    return {
        str(run_id): tuple(CurvePoint(*row[1:]) for row in of_run)  # type: ignore[arg-type]
        for run_id, of_run in groupby(rows, key=lambda row: row[0])
    }
