"""Tables as LaTeX, for the package booktabs."""

import re
from collections.abc import Iterator

from flops_fit.result.tables.table import ABOUT_ALL, Row, Table
from flops_fit.result.tables.text import one_line

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_POWER = re.compile(r"(\d+\.\d+)e([+-]\d+)")


def as_latex(table: Table) -> str:
    """Write a `table` environment; whatever users named is escaped."""
    return "\n".join(_lines(table))


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_ESCAPED.get(sign, sign) for sign in one_line(text))


def _lines(table: Table) -> Iterator[str]:
    yield "% needs \\usepackage{booktabs}"
    yield "\\begin{table}"
    yield "  \\centering\\small\\setlength{\\tabcolsep}{4pt}"
    yield f"  \\caption{{Compute-optimal training. {escaped(table.legend)}}}"
    yield from (f"  \\textbf{{{escaped(banner)}}}\\par" for banner in table.banners)
    yield f"  \\begin{{tabular}}{{{'r' * len(table.columns)}}}"
    yield "    \\toprule"
    yield f"    {' & '.join(escaped(column.heading) for column in table.columns)} \\\\"
    yield "    \\midrule"
    yield from (f"    {_row(row)} \\\\" for row in table.rows)
    yield "    \\bottomrule"
    yield "  \\end{tabular}"
    yield from _notes(table)
    yield "\\end{table}"


def _row(row: Row) -> str:
    first, *rest = (_number(cell) for cell in row.cells)
    marks = f"\\textsuperscript{{{','.join(map(str, row.notes))}}}" if row.notes else ""
    return " & ".join([first + marks, *rest])


def _number(cell: str) -> str:
    """Write 1.00e+21 as a power of ten, and a range with a dash."""
    ranged = escaped(cell).replace(" to ", "--")
    return _POWER.sub(lambda m: f"${m[1]} \\times 10^{{{int(m[2])}}}$", ranged)


def _notes(table: Table) -> Iterator[str]:
    if table.notes:
        yield "  \\par\\smallskip\\footnotesize\\raggedright"
    for i, note in enumerate(table.notes, 1):
        mark = "" if note.startswith(ABOUT_ALL) else f"\\textsuperscript{{{i}}} "
        yield f"  {mark}{escaped(note)}\\par"
