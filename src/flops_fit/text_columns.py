"""Tables as plain text."""

from collections.abc import Sequence


def aligned(rows: Sequence[tuple[str, ...]], *, right: bool = False) -> list[str]:
    """Pad the columns of a table to equal width, one line per row; numbers read best to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = str.rjust if right else str.ljust
    return ["  ".join(map(pad, row, widths)).rstrip() for row in rows]
