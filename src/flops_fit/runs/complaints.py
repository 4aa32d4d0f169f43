"""What is wrong with a table: every problem in one error."""

from collections.abc import Sequence
from typing import NamedTuple

from flops_fit.errors import TableError


class Complaint(NamedTuple):
    """One thing wrong with a table."""

    problem: str
    fix: str
    code: str


def collected(source: str, complaints: Sequence[Complaint]) -> TableError:
    """Put every problem of a table into one error."""
    fixes = "\n       ".join(dict.fromkeys(complaint.fix for complaint in complaints))
    if len(complaints) == 1:
        return TableError(f"{source}: {complaints[0].problem}.", fix=fixes, code=complaints[0].code)
    listed = "".join(f"\n  {i}. {complaint.problem}" for i, complaint in enumerate(complaints, 1))
    return TableError(f"{len(complaints)} problems in {source}:{listed}", fix=fixes, code=complaints[0].code)
