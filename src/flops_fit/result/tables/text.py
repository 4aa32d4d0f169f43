"""Tables as plain text and as Markdown."""

from collections.abc import Iterator, Sequence

from flops_fit.result.tables.table import Table
from flops_fit.text_columns import aligned, one_line, wrapped


def as_text(table: Table) -> str:
    """Lay a table out in columns."""
    header, *lines = aligned(_cells(table))
    ruled = [header, "-" * max(map(len, (header, *lines))), *lines]
    return "\n".join([*_above(table), *ruled, *_below(table)])


def as_markdown(table: Table) -> str:
    """Lay a table out as Markdown that also reads well in a terminal."""
    around = [[escaped(line) for line in lines] for lines in (_above(table), _below(table))]
    return "\n".join([*around[0], *markdown_rows(_cells(table)), *around[1]])


def markdown_rows(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, its columns padded; the first row is the header."""
    cells = [[escaped(one_line(cell)).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    head, *body = (f"| {' | '.join(cells)} |" for cells in padded)
    return [head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *body]


def escaped(text: str) -> str:
    """Return Markdown that shows the text without taking any of it for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _cells(table: Table) -> list[tuple[str, ...]]:
    header = (*(column.short_heading for column in table.columns), "notes")
    return [header, *((*row.cells, " ".join(f"[{i}]" for i in row.notes)) for row in table.rows)]


def _above(table: Table) -> list[str]:
    return [*map(wrapped, table.banners), ""] if table.banners else []


def _below(table: Table) -> Iterator[str]:
    yield ""
    yield one_line(table.legend)
    yield from (one_line(f"{mark} {remark}") for mark, remark in table.remarks)
