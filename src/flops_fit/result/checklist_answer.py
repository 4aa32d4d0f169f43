"""One answer of the checklist."""

from typing import NamedTuple


class Answer(NamedTuple):
    """What a law can say, or what its reader has to state beside it."""

    text: str
    known: bool = True


def unknown(what: str) -> Answer:
    """Say that the table does not hold the answer, and what to state."""
    return Answer(f"Not known: the runs were imported. State {what}.", known=False)
