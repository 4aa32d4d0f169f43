import pandas as pd
import pytest

from flops_fit.errors import TableError
from flops_fit.runs import load_table, read_table


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "N": [1e6, 2e6, 4e6],
            "D": [2e7, 1e7, 5e6],
            "loss": [3.5, 3.4, -1.0],
            "data": ["c4", " c4 ", "wiki"],
            "lr": [1e-3, 2e-3, 1e-3],
        }
    )


@pytest.mark.parametrize(
    ("where", "sizes"),
    [
        ({"data": "c4"}, [1e6, 2e6]),
        ({"data": "c4", "lr": "2e-3"}, [2e6]),
        ({"lr": 0.001, "data": "c4"}, [1e6]),
        ({"lr": "1.0E-3", "data": "c4"}, [1e6]),
    ],
)
def test_rows_that_hold_every_value_are_taken(frame, where, sizes):
    assert [run.n_params for run in read_table(frame, where=where)] == sizes


def test_rows_that_are_not_taken_may_be_wrong(frame):
    with pytest.raises(TableError, match="row 2: -1"):
        read_table(frame)
    assert len(read_table(frame, where={"data": "c4"})) == 2


def test_columns_that_are_mapped_can_choose_too(frame):
    frame = frame.rename(columns={"N": "params"})
    (run,) = read_table(frame, columns={"N": "params"}, where={"params": 2e6})
    assert run.loss == 3.4


@pytest.mark.parametrize(
    ("where", "message", "fix"),
    [
        (
            {"dta": "c4"},
            "no column is called 'dta'; the table has N, D, loss, data, lr",
            'where={"data": "c4"}',
        ),
        (
            {"dta": "7"},
            "no column is called 'dta'",
            'where={"data": "c4"}',
        ),
        (
            {"data": "wikk"},
            r"no row has data = wikk; found c4 \(2 rows\), wiki \(1 row\)",
            'where={"data": "wiki"}',
        ),
        (
            {"data": "c4", "lr": 5},
            r"no row has lr = 5; found 0.001 \(1 row\), 0.002 \(1 row\)",
            'where={"lr": "0.001"}',
        ),
    ],
)
def test_a_choice_that_leaves_nothing_is_put_right(frame, where, message, fix):
    with pytest.raises(TableError, match=message) as caught:
        read_table(frame, where=where)
    assert caught.value.fix == fix
    assert caught.value.code == "bad-where"


@pytest.mark.parametrize(
    ("where", "fix"),
    [
        ({"loss!": "nan"}, "leave it out: rows without a loss take no part"),
        ({"loss!": ""}, "leave it out: rows without a loss take no part"),
        ({"data!": "wiki"}, 'where={"data": "c4"}'),
        ({"lr!": "1e-3"}, 'where={"lr": "0.002"}'),
        ({"N!": "1e6"}, "delete from the table the rows to be left out"),
        ({"loss>": "3"}, "delete from the table the rows to be left out"),
    ],
)
def test_comparisons_are_refused_with_what_to_do_instead(frame, where, fix):
    (column, value), *_ = where.items()
    with pytest.raises(TableError, match=f"where: {column}={value} is no COLUMN=VALUE; .* equal") as caught:
        read_table(frame, where=where)
    assert (caught.value.fix, caught.value.code) == (fix, "bad-where")


def test_columns_of_text_are_kept_as_labels(frame):
    table = load_table(frame.assign(note="", arch=["a", None, "3"]), where={"data": "c4"})
    assert table.labels == {"data": ("c4", "c4"), "arch": ("a", "")}
