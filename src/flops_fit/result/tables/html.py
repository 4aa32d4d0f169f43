"""Tables as HTML: the fragment that reports and notebooks show."""

from flops_fit.result.tables.table import Table
from flops_fit.result.templates import render


def as_html(table: Table) -> str:
    """Write a fragment of HTML; whatever users named is escaped."""
    return render("table.html", table=table).strip()
