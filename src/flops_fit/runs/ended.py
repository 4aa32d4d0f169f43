"""How the run of a row ended that has no loss."""

from typing import NamedTuple

from flops_fit.runs.cells import is_blank, is_infinite
from flops_fit.runs.columns import Columns
from flops_fit.runs.record import Status
from flops_fit.runs.rows import Row

_NOT_COMPLETED: dict[str, Status] = {"diverged": "diverged", "failed": "failed"}
_WORDS: dict[str, Status] = {
    **_NOT_COMPLETED,
    **dict.fromkeys(("crashed", "killed", "oom", "-"), "failed"),
}
"""What people write in the place of a loss that a run did not give."""
NO_LOSS = "no loss given"


class Ending(NamedTuple):
    """Why a run has no loss."""

    status: Status
    reason: str = ""
    """Empty where the column `reason` may say it."""


def ending(columns: Columns, row: Row) -> Ending | None:
    """Return how a run without a loss ended; None where it has one, or where its row must be corrected.

    The column `status` says so, or the cell of the loss itself: it is infinite, blank, or a word for it.
    A run that is said to be completed must have a loss.
    """
    status, loss = (columns.cell(row.cells, name).strip() for name in ("status", "loss"))
    if status in _NOT_COMPLETED:
        return Ending(_NOT_COMPLETED[status])
    if is_infinite(loss):
        return Ending("diverged", f"its loss is {loss}")
    if not is_blank(status) or not (is_blank(loss) or loss.lower() in _WORDS):
        return None
    return Ending(_WORDS.get(loss.lower(), "failed"), NO_LOSS)
