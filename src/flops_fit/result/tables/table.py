"""What a table holds, whatever it will be written as."""

from dataclasses import dataclass

from flops_fit.fit import ScalingLaw
from flops_fit.quantities import Interval

_SHORT_UNIT = 10
"""Letters up to which a unit stands in a heading of plain text; longer ones stand beneath the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One quantity, or the interval of the one before it."""

    name: str
    """For programs, e.g. 'n_params'."""
    title: str
    """For people, e.g. 'N'."""
    unit: str = ""

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def short_heading(self) -> str:
        """Title, and the unit if it is short."""
        return self.heading if is_short(self.unit) else self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The answers of one budget."""

    values: tuple[float | Interval, ...]
    cells: tuple[str, ...]
    """The same, as a reader wants them."""
    notes: tuple[int, ...]
    """Numbers of the notes about this row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Answers, what must stand above them, and what is doubtful about them."""

    banners: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """Numbered from 1 on."""
    legend: str
    """What columns mean that do not explain themselves."""

    def notes_about(self, row: Row) -> tuple[str, ...]:
        """Return the notes that a row refers to, in words, and those about all rows."""
        return tuple(
            note for i, note in enumerate(self.notes, 1) if i in row.notes or note.startswith(ABOUT_ALL)
        )


ABOUT_ALL = "All rows: "
"""How a note begins that no row refers to because it is about each."""


def is_short(unit: str) -> bool:
    """Whether a unit stands in a heading of plain text; of a longer one the legend must tell."""
    return len(unit) <= _SHORT_UNIT


def unit_of_loss(law: ScalingLaw) -> str:
    """Say in what unit losses are, or that nobody did."""
    return "The unit of L was not declared." if law.loss_unit == "unknown" else f"L in {law.loss_unit}."
