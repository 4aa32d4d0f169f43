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
    """About the rows that refer to them, numbered from 1 on."""
    about_all: tuple[str, ...] = ()
    """What is doubtful about every row; no row refers to it."""
    legend: str
    """What columns mean that do not explain themselves."""

    def notes_about(self, row: Row) -> tuple[str, ...]:
        """Return the notes that a row refers to, in words."""
        return tuple(note for i, note in enumerate(self.notes, 1) if i in row.notes)

    @property
    def remarks(self) -> tuple[tuple[str, str], ...]:
        """All that is doubtful, each with its mark: that of a note, or none where it is about all rows."""
        return (
            *((f"[{i}]", note) for i, note in enumerate(self.notes, 1)),
            *(("", note) for note in self.in_all_rows),
        )

    @property
    def in_all_rows(self) -> tuple[str, ...]:
        """What is doubtful about every row, worded as such."""
        return tuple(f"All rows: {note}" for note in self.about_all)


def is_short(unit: str) -> bool:
    """Whether a unit stands in a heading of plain text; of a longer one the legend must tell."""
    return len(unit) <= _SHORT_UNIT


def unit_of_loss(law: ScalingLaw) -> str:
    """Say in what unit losses are, or that nobody did."""
    return "The unit of L was not declared." if law.loss_unit == "unknown" else f"L in {law.loss_unit}."
