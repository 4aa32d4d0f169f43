"""Whether the runs of a table saw their data more than once, where a column says so."""

from collections.abc import Iterator, Sequence

from flops_fit.config.within_reach import MAX_EPOCHS
from flops_fit.design.grid import Finding
from flops_fit.runs.cells import number, number_in
from flops_fit.runs.columns import Columns
from flops_fit.runs.rows import Row

_UNIQUE = frozenset({"d_unique", "unique_tokens", "unique_samples", "unique_units"})
_EPOCHS = frozenset({"n_epochs", "num_epochs", "epochs", "epoch"})
"""Names of columns, without capitals."""


def tells_of_repetition(name: str) -> bool:
    """Whether a column is called like a count of epochs or of unique units."""
    return name.lower() in _UNIQUE | _EPOCHS


def repetition_findings(columns: Columns, rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return `repeated-data` or `many-epochs`, by unique units or else epochs, if a column says so."""
    repeating = [epochs for epochs in _epochs(columns, rows) if epochs > 1]
    if not repeating:
        return ()
    least, most = min(repeating), max(repeating)
    times = f"{most:.3g}" if least == most else f"{least:.3g} to {most:.3g}"
    many = most > MAX_EPOCHS
    beyond = (
        f"beyond {MAX_EPOCHS:g} epochs losses no longer follow a law of fresh data."
        if many
        else "their losses may lie a little above those on fresh data."
    )
    return (
        Finding(
            code="many-epochs" if many else "repeated-data",
            severity="warning" if many else "info",
            message=f"{len(repeating)} of {len(rows)} runs saw their data {times} times: {beyond}",
            action="say so with each number that you quote; D* counts every repetition, and more data that "
            "nobody has seen would serve better than so many repetitions",
            value=most,
            threshold=MAX_EPOCHS if many else 1.0,
        ),
    )


def _epochs(columns: Columns, rows: Sequence[Row]) -> Iterator[float]:
    unique, epochs = _place(columns, _UNIQUE), _place(columns, _EPOCHS)
    for row in rows:
        units = number_in("n_units", columns.cell(row.cells, "n_units"))
        if unique is not None and units and (once := number(row.cells[unique])):
            yield units / once
        elif epochs is not None and (times := number(row.cells[epochs])):
            yield times


def _place(columns: Columns, called: frozenset[str]) -> int | None:
    return next((i for i, name in enumerate(columns.names) if name.lower() in called), None)
