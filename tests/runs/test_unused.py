import pandas as pd
import pytest

from flops_fit.runs import load_table


@pytest.fixture
def frame():
    return pd.DataFrame({"N": [1e6, 2e6, 4e6], "D": [2e7, 1e7, 5e6], "loss": [3.5, 3.4, 3.3]})


def told(frame, **options):
    return [f for f in load_table(frame, **options).findings if f.code == "unused-columns"]


@pytest.fixture
def frames(frame):
    return pd.concat([frame.assign(seed=i) for i in range(4)])


def test_columns_that_differ_are_named_flags_first(frames):
    (finding,) = told(frames.assign(decay=[1, 2, 2] * 4, same="x", odd=[True, False, False] * 4))
    assert finding.message == "Columns that differ among the runs but were not used: odd, decay."
    assert finding.action.endswith("""by a column, e.g. where={"odd": "False"}""")


@pytest.mark.parametrize("values", [range(12), [0] * 7 + [1] * 5])
def test_values_of_too_few_rows_for_a_fit_choose_none(frames, values):
    (finding,) = told(frames.assign(wall=list(values)))
    assert finding.action == "if one of them holds N, D, C or another field, say so with columns"


def test_columns_that_are_used_are_not_named(frame):
    assert told(frame.assign(group=[1e14, 1e14, 2e14], data=["a", "a", "b"]), where={"data": "a"}) == []


def test_what_another_finding_speaks_of_is_not_named_twice(frame):
    assert told(frame.assign(epochs=[1, 2, 3], compute=[1, 2, 3])) == []


def test_whose_table_it_is_says_what_its_columns_are(frame):
    assert told(frame.assign(depth=[1, 2, 3]), layout="nanochat") == []
