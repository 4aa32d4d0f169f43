import gzip
import json
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flops_fit.errors import TableError
from flops_fit.runs import read_table

ROWS = [{"N": 1e6, "D": 2e7, "loss": 3.5, "seed": 1}, {"N": 2e6, "D": 1e7, "loss": 3.25, "seed": None}]
EXPECTED = [(1e6, 2e7, 3.5, 1), (2e6, 1e7, 3.25, 0)]


def numbers_of(runs):
    return [(run.n_params, run.n_units, run.loss, run.seed) for run in runs]


def as_csv(path):
    pd.DataFrame(ROWS).to_csv(path, index=False)


def as_parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path)


def as_json_lines(path):
    path.write_text("\n\n".join(map(json.dumps, ROWS)))


def as_json_list(path):
    path.write_text(json.dumps(ROWS))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (as_csv, "runs.csv"),
        (as_csv, "runs.txt"),
        (as_parquet, "runs.parquet"),
        (as_parquet, "runs.PQ"),
        (as_json_lines, "runs.jsonl"),
        (as_json_lines, "runs.ndjson"),
        (as_json_list, "runs.json"),
    ],
)
def test_the_same_runs_are_read_from_every_format(tmp_path, write, name):
    write(tmp_path / name)
    assert numbers_of(read_table(tmp_path / name)) == EXPECTED


def test_a_data_frame_is_read_as_it_is(tmp_path):
    frame = pd.DataFrame(ROWS, index=["first", "second"])
    runs = read_table(frame)
    assert numbers_of(runs) == EXPECTED
    assert [run.run_id for run in runs] == ["row first", "row second"]


def test_missing_values_of_every_library_are_blank():
    frame = pd.DataFrame(
        {"N": [1e6], "D": [2e7], "loss": [3.5], "seed": [pd.NA], "size": [float("nan")], "lr": [None]}
    )
    (run,) = read_table(frame)
    assert (run.seed, run.size, run.lr) == (0, "", None)


def test_small_floats_keep_every_digit():
    frame = pd.DataFrame({"N": [1e6], "D": [2e7], "loss": pd.Series([0.1 + 0.2])})
    assert read_table(frame)[0].loss == 0.1 + 0.2


def test_rows_of_a_data_frame_are_named_by_their_label():
    frame = pd.DataFrame({"N": [1e6, "many"], "D": [2e7, 2e7], "loss": [3.5, 3.4]}, index=[7, 9])
    with pytest.raises(
        TableError, match="the DataFrame: column 'N' must hold positive numbers; found row 9: many"
    ):
        read_table(frame)


def test_objects_may_lack_keys_and_have_more(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(
        '{"N": 1e6, "D": 2e7, "loss": 3.5}\n{"loss": 3.4, "note": {"a": [1]}, "D": 1e7, "N": 2e6}\n'
    )
    assert [run.loss for run in read_table(path)] == [3.5, 3.4]


UNUSABLE = {
    "runs.csv": [
        (gzip.compress(b"N,D,loss", mtime=0), "it is compressed"),
        ("N,D,loss\n1,2,3".encode("utf-16"), "it is UTF-16"),
        (b"PAR1....", "it is a Parquet file"),
        (b"PK\x03\x04....", "an Excel file or a zip archive"),
        (b"SQLite format 3\x00", "it is an SQLite file"),
        (b"N,D,loss,\xe9", "it is no UTF-8 text"),
        (b"  \n\n", "it is empty"),
        (b"1e6,2e7,3.5\n2e6,2e7,3.4", "its first row holds numbers instead of names"),
        (b"N,D,loss\n1e6,2e7," + b"9" * 200_000, "field larger than field limit"),
    ],
    "runs.jsonl": [
        (b'{"N": 1}\nN = 2\n\n{"N": \n', r"not every line is JSON; line 2: .*, line 4: "),
        (
            b'{"N": 1}\n[1]\nnull\n"a"\ntrue',
            "line 2 is a list, line 3 is null, line 4 is a text, line 5 is a truth value",
        ),
        (b'{"N": 1' + b"0" * 5000 + b"}", "line 1: Exceeds the limit"),
    ],
    "runs.json": [
        (b"[" * 100_000, "it is no JSON"),
        (b'{"N": {"0": 1}}', "it holds an object instead of a list of objects"),
        (b"[]", "it has no runs"),
        (b"[1, 2]", "row 1 is a number, row 2 is a number"),
    ],
    "runs.parquet": [(b"", "no Parquet file"), (b"N,D,loss\n1,2,3\n", "no Parquet file")],
}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [(name, content, message) for name, cases in UNUSABLE.items() for content, message in cases],
)
def test_a_file_that_holds_something_else_is_refused_with_the_reason(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message) as caught:
        read_table(tmp_path / name)
    assert caught.value.code == "table-format"


def test_integers_beyond_all_bounds_are_no_numbers():
    frame = pd.DataFrame({"N": [10**5000], "D": [2e7], "loss": [3.5]})
    with pytest.raises(TableError, match="row 0: inf"):
        read_table(frame)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch):
    as_parquet(tmp_path / "runs.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match="pip install pyarrow"):
        read_table(tmp_path / "runs.parquet")
