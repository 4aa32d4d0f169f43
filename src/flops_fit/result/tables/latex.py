"""Tables as LaTeX, for the package booktabs; intervals stand beneath their values, to fit a page's width."""

import re
from collections.abc import Iterator, Sequence

from flops_fit.result.tables.table import Row, Table
from flops_fit.text_columns import one_line

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
    "|": r"\textbar{}",
    "·": r"$\cdot$",
    "≤": r"$\le$",
}
_POWER = re.compile(r"(?<![\w.+-])([+-]?\d+(?:\.\d+)?)e([+-]\d+)\b")
_SIGNED = re.compile(r"(?<![\w.$^{])([+-]\d[\d,]*(?:\.\d+)?)(?![\w.-])")
"""A number with a sign of its own: no part of a name such as run-3, nor of a range or an exponent."""
_BEST = re.compile(r"\b([NDL])\*")

_Stack = tuple[int, int | None]
"""Where a column of values is, and the column of its intervals if it has one."""


def as_latex(table: Table) -> str:
    """Write a `table` environment; whatever users named is escaped."""
    return "\n".join(_lines(table))


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_ESCAPED.get(sign, sign) for sign in one_line(text))


def _lines(table: Table) -> Iterator[str]:
    stacks = _stacks(table)
    yield "% needs \\usepackage{booktabs}; fits a page of article in one column, or table* in two"
    yield "\\begin{table}"
    yield "  \\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}"
    yield f"  \\caption{{Compute-optimal training. {_prose(table.legend)}}}\\par\\smallskip"
    yield from (f"  \\textbf{{{_prose(banner)}}}\\par" for banner in table.banners)
    yield f"  \\begin{{tabular}}{{{'r' * len(stacks)}l}}"
    yield "    \\toprule"
    yield from _header(table, stacks)
    yield "    \\midrule"
    yield "    \\addlinespace[2pt]\n".join(_row(row, stacks) for row in table.rows).rstrip("\n")
    yield "    \\bottomrule"
    yield "  \\end{tabular}"
    yield from _notes(table)
    yield "\\end{table}"


def _stacks(table: Table) -> list[_Stack]:
    at = {column.name: i for i, column in enumerate(table.columns)}
    stacks = [(i, at.get(f"{name}_interval")) for name, i in at.items()]
    beneath = {below for _, below in stacks}
    return [stack for stack in stacks if stack[0] not in beneath]


def _header(table: Table, stacks: Sequence[_Stack]) -> Iterator[str]:
    above = [escaped(table.columns[i].short_heading) for i, _ in stacks]
    beneath = ["" if j is None else table.columns[j].title.partition(", ")[2] for _, j in stacks]
    yield f"    {' & '.join([*above, 'notes'])} \\\\"
    yield f"    {_small(beneath)} \\\\"


def _row(row: Row, stacks: Sequence[_Stack]) -> str:
    """Write a row as two lines; notes have a column, for behind 10^12 they would read as part of it."""
    above = [_number(row.cells[i]) for i, _ in stacks]
    marks = " ".join(f"[{i}]" for i in row.notes)
    beneath = ["" if j is None else row.cells[j] for _, j in stacks]
    return f"    {' & '.join([*above, marks])} \\\\\n    {_small(beneath)} \\\\\n"


def _small(cells: Sequence[str]) -> str:
    return " & ".join([*(f"\\scriptsize {_number(cell)}" if cell else "" for cell in cells), ""])


def _number(cell: str) -> str:
    """Write 1.00e+21 as a power of ten, and a range with a dash."""
    return _powers(escaped(cell)).replace(" to ", "--")


def _prose(text: str) -> str:
    """Write a sentence: N* with its star above, and minus signs that are no hyphens."""
    return _BEST.sub(r"$\1^*$", _SIGNED.sub(r"$\1$", _powers(escaped(text))))


def _powers(text: str) -> str:
    return _POWER.sub(lambda m: f"${m[1]} \\times 10^{{{int(m[2])}}}$", text)


def _notes(table: Table) -> Iterator[str]:
    if table.remarks:
        yield "  \\par\\smallskip\\raggedright"
    for mark, remark in table.remarks:
        yield f"  {mark} {_prose(remark)}\\par" if mark else f"  {_prose(remark)}\\par"
