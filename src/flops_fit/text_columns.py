"""Plain text for terminals: tables in columns, prose in lines."""

from collections.abc import Sequence
from textwrap import fill

_WIDTH = 110
"""Characters of a line of prose."""


def aligned(rows: Sequence[tuple[str, ...]], *, right: bool = False) -> list[str]:
    """Pad the columns of a table to equal width, one line per row; numbers read best to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = str.rjust if right else str.ljust
    return ["  ".join(map(pad, row, widths)).rstrip() for row in rows]


def one_line(text: str) -> str:
    """Return the text without line breaks, which would end a row."""
    return " ".join(text.split())


def some(items: Sequence[str], shown: int = 5, *, between: str = ", ") -> str:
    """Name the first few and count the others; where only one would be counted, name it too."""
    if len(items) <= shown + 1:
        return between.join(items)
    return f"{between.join(items[:shown])} and {len(items) - shown} more"


def wrapped(text: str, *, indent: str = "  ") -> str:
    """Return the text in lines that a terminal shows whole, all but the first indented; no word is broken."""
    return fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
