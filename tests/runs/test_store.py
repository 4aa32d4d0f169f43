"""The file that must not lose a finished run."""

import multiprocessing
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.errors import StoreError
from flops_fit.runs import Audit, RunRecord, RunStore
from flops_fit.runs.record import COLUMNS

DONE = RunRecord(
    run_id="a1",
    budget=1e9,
    size="d16",
    seed=0,
    n_params=15000,
    n_params_nonembedding=None,
    n_units=10**12,
    flops=1.001e9,
    flops_6nd=0.98e9,
    loss=2.25,
    wall_s=3.5,
    n_units_planned=10**12,
    n_steps=500,
    batch_size=32,
    lr=1e-3,
    plan_id="p",
)
FAILED = replace(DONE, loss=None, status="failed", reason="ValueError: no")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sweep" / "runs.sqlite"


@pytest.fixture
def store(path):
    with RunStore(path) as opened:
        yield opened


finite = st.floats(allow_nan=False, allow_infinity=False)
records = st.builds(
    RunRecord,
    run_id=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    budget=st.none() | finite,
    size=st.text(max_size=10).filter(lambda text: text.isprintable()),
    seed=st.integers(-(2**63), 2**63 - 1),
    n_params=finite,
    n_params_nonembedding=st.none() | finite,
    n_units=finite,
    flops=finite,
    flops_6nd=finite,
    loss=st.none() | finite,
    status=st.sampled_from(["completed", "diverged", "failed"]),
    origin=st.sampled_from(["trained", "simulated", "imported"]),
    metrics=st.dictionaries(st.text(max_size=10), finite, max_size=3),
)


@given(record=records)
def test_what_goes_in_comes_out(record, tmp_path_factory):
    with RunStore(tmp_path_factory.mktemp("round") / "runs.sqlite") as store:
        store.add(record)
        assert store.read() == (record,)


def test_columns_are_the_fields_of_a_record(store, path):
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    connection.close()
    assert columns == list(COLUMNS)


def test_rows_are_there_for_the_next_process(store, path):
    store.add(DONE)
    with RunStore(path) as other:
        assert other.read() == (DONE,)


def test_a_copied_directory_is_complete_while_the_sweep_runs(store, path, tmp_path):
    store.add(DONE)
    shutil.copytree(path.parent, tmp_path / "copy")
    with RunStore(tmp_path / "copy" / path.name, read_only=True) as copy:
        assert copy.read() == (DONE,)


@pytest.mark.parametrize("status", ["completed", "diverged"])
def test_a_final_row_is_never_replaced(store, status):
    first = replace(DONE, status=status)
    store.add(first)
    store.add(replace(first, loss=9.0))
    store.add(FAILED)
    assert store.read() == (first,)


def test_a_failed_row_is_replaced_by_the_next_try(store):
    store.add(FAILED)
    store.add(replace(FAILED, reason="MemoryError: again"))
    assert store.read()[0].reason == "MemoryError: again"
    store.add(DONE)
    assert store.read() == (DONE,)


def test_the_order_of_rows_does_not_depend_on_which_run_ended_first(path, tmp_path):
    rows = [
        replace(DONE, run_id=f"{b}{n}{s}", budget=b, n_params=n, seed=s)
        for b in (1, 2)
        for n in (3, 4)
        for s in (0, 1)
    ]
    with RunStore(path) as one, RunStore(tmp_path / "other.sqlite") as other:
        for row in rows:
            one.add(row)
        for row in reversed(rows):
            other.add(row)
        assert list(one.read()) == list(other.read()) == rows


def test_only_the_runs_asked_for_are_read(store):
    store.add(DONE)
    store.add(replace(DONE, run_id="b2"))
    assert [row.run_id for row in store.read(["b2", "unknown"])] == ["b2"]
    assert store.read([]) == ()


def test_a_write_killed_half_way_leaves_the_rows_before_it(store, path, tmp_path):
    """A hot journal beside the file, as SIGKILL leaves it, copied while a large transaction is open."""
    store.add(DONE)
    store._connection.execute("PRAGMA cache_size = 1")
    store._connection.execute("BEGIN IMMEDIATE")
    store._connection.execute("UPDATE runs SET reason = 'half written'")
    columns = ", ".join(COLUMNS[1:])
    for i in range(200):
        store._connection.execute(f"INSERT INTO runs SELECT 'x{i}', {columns} FROM runs WHERE run_id = 'a1'")
    copy = shutil.copytree(path.parent, tmp_path / "killed")
    store._connection.execute("ROLLBACK")
    assert (copy / "runs.sqlite-journal").stat().st_size > 0
    with RunStore(copy / "runs.sqlite", read_only=True) as killed:
        assert killed.read() == (DONE,)


def _add_rows(path, name):
    with RunStore(path) as store:
        _add_rows_to(store, name, 20)


def _add_rows_to(store, name, n_rows):
    for i in range(n_rows):
        store.add(replace(DONE, run_id=f"{name}{i}"))


def test_two_processes_may_write_to_one_directory(path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add_rows, args=(path, name)) for name in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    with RunStore(path) as store:
        assert len(store.read()) == 40


def test_reading_refuses_to_write(store, path):
    with (
        RunStore(path, read_only=True) as reader,
        pytest.raises(StoreError, match="cannot be opened or written"),
    ):
        reader.add(DONE)


def test_reading_does_not_create_anything(path):
    with pytest.raises(StoreError, match="no sweep in"):
        RunStore(path, read_only=True)
    assert not path.parent.exists()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("loss,N,D\n" * 500)
    with pytest.raises(StoreError, match="not a file of flops-fit runs"):
        RunStore(path)
    assert path.read_text() == "loss,N,D\n" * 500


def test_somebody_elses_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE invoices (id)")
    connection.close()
    with pytest.raises(StoreError, match="not a file of flops-fit runs"):
        RunStore(path)


def test_a_newer_schema_is_refused(store, path):
    store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer flops-fit: schema 99.*\n  fix: upgrade"):
        RunStore(path)


SCHEMA_1 = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, budget REAL, size TEXT NOT NULL, seed INTEGER NOT NULL, n_params REAL NOT NULL,
    n_params_nonembedding REAL, n_units REAL NOT NULL, flops REAL NOT NULL, flops_6nd REAL NOT NULL,
    loss REAL,
    status TEXT NOT NULL CHECK (status IN ('completed', 'diverged', 'failed')), reason TEXT NOT NULL,
    wall_s REAL, origin TEXT NOT NULL CHECK (origin IN ('trained', 'simulated', 'imported')),
    n_units_planned REAL, n_steps INTEGER, batch_size INTEGER, lr REAL, precision TEXT NOT NULL,
    plan_id TEXT NOT NULL
);
INSERT INTO runs VALUES ('a1', 1e9, 'd16', 0, 15000.0, NULL, 1e6, 1.001e9, 9.8e8, 2.25, 'completed', '', 3.5,
    'trained', 1e6, 500, 32, 1e-3, 'fp32', 'p');
PRAGMA user_version = 1;
"""
"""A file as the first release wrote it."""


@pytest.fixture
def old_file(tmp_path):
    connection = sqlite3.connect(tmp_path / "old.sqlite")
    connection.executescript(SCHEMA_1)
    connection.close()
    return tmp_path / "old.sqlite"


def test_a_file_of_the_first_release_is_read_as_it_is(old_file):
    content = old_file.read_bytes()
    with RunStore(old_file, read_only=True) as store:
        (row,) = store.read()
        assert store.audits() == ()
    assert (row.loss, row.trunk, row.flops_executed, row.metrics) == (2.25, "", None, {})
    assert old_file.read_bytes() == content


def test_a_file_of_the_first_release_is_brought_up_to_date_and_written(old_file):
    audit = Audit(run_id="a1", loss=2.25, status="completed", flops=1e9, wall_s=3.5)
    for _ in range(2):  # the second time nothing is left to do
        with RunStore(old_file) as store:
            store.add(replace(DONE, run_id="a2", trunk="t", flops_executed=1.0, metrics={"accuracy": 0.5}))
            store.add_audit(audit)
            assert [(row.run_id, row.trunk) for row in store.read()] == [("a1", ""), ("a2", "t")]
            assert [row.metrics for row in store.read()] == [{}, {"accuracy": 0.5}]
            assert store.audits() == (audit,)


def test_a_damaged_file_is_told_from_an_empty_one(store, path):
    _add_rows_to(store, "r", 200)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with RunStore(path) as damaged, pytest.raises(StoreError, match="cannot be used") as error:
        damaged.read()
    assert error.value.code == "store-damaged"


def test_a_full_disk_is_named_and_loses_nothing(store):
    store.add(DONE)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="is full"):
        _add_rows_to(store, "r", 200)
    store._connection.execute("PRAGMA max_page_count = 1000000")
    kept = store.read()
    assert DONE in kept
    store.add(replace(DONE, run_id="after"))
    assert len(store.read()) == len(kept) + 1


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs a directory that even root cannot write to"
)
def test_a_directory_that_cannot_be_written_is_named():
    with pytest.raises(StoreError, match=r"/proc/self/fd.*\n  fix: make"):
        RunStore(Path("/proc/self/fd/runs.sqlite"))


def test_a_directory_under_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name another output_dir"):
        RunStore(tmp_path / "file" / "runs.sqlite")
