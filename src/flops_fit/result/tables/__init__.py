"""Tables of answers, in every format, no number without its interval and its caveats."""

from flops_fit.result.tables.chinchilla import chinchilla_table as chinchilla_table
from flops_fit.result.tables.formats import FORMATS as FORMATS
from flops_fit.result.tables.formats import written as written
from flops_fit.result.tables.table import Column as Column
from flops_fit.result.tables.table import Row as Row
from flops_fit.result.tables.table import Table as Table
from flops_fit.result.tables.text import markdown_rows as markdown_rows
