import pandas as pd
import pytest

from flops_fit.runs import load_table

FRAME = pd.DataFrame({"N": [1e6, 2e6, 4e6], "D": [2e7, 1e7, 5e6], "loss": [3.5, 3.4, 3.3]})


def told(frame, **options):
    return [f for f in load_table(frame, **options).findings if f.code == "named-budgets"]


@pytest.mark.parametrize(("column", "options"), [("group", {}), ("plan", {"columns": {"budget": "plan"}})])
def test_a_column_of_another_name_that_holds_budgets_is_named(column, options):
    (finding,) = told(FRAME.assign(**{column: [1e14, 1e14, None]}), **options)
    assert finding.message == f"Budgets are those in column {column!r}: 1 of them, for 2 of 3 runs."
    assert finding.severity == "info"


@pytest.mark.parametrize(("column", "cells"), [("budget", 1e14), ("group", "ResNet"), ("group", None)])
def test_a_column_that_says_so_itself_or_names_none_is_not(column, cells):
    assert told(FRAME.assign(**{column: cells})) == []
