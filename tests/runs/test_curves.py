"""Curves in the store: kept with their runs, once, and readable from files of any age."""

import sqlite3
from dataclasses import replace

import pytest

from flops_fit.runs import RunRecord, RunStore
from flops_fit.runs.curves import CurvePoint

CURVE = (
    CurvePoint("train", 1, 5.5),
    CurvePoint("train", 2, 5.25),
    CurvePoint("train", 12, 3.0),
    CurvePoint("held_out", 12, 3.125),
)
RUN = RunRecord(
    run_id="a1",
    budget=1e9,
    size="d8",
    seed=0,
    n_params=100,
    n_params_nonembedding=50,
    n_units=1000,
    flops=6e5,
    flops_6nd=6e5,
    loss=3.125,
    curve=CURVE,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.sqlite"


def test_the_curve_of_a_run_is_read_in_the_order_of_its_steps(path):
    with RunStore(path) as store:
        store.add(replace(RUN, run_id="b2", curve=CURVE[:1]))
        store.add(RUN)
        assert store.curves() == {"a1": CURVE, "b2": CURVE[:1]}
        assert store.read()[0].curve == ()


def test_a_run_without_a_curve_has_none(path):
    with RunStore(path) as store:
        store.add(replace(RUN, curve=()))
        assert store.curves() == {}


def test_a_final_curve_is_never_replaced(path):
    with RunStore(path) as store:
        store.add(RUN)
        store.add(replace(RUN, curve=tuple(point._replace(loss=9.0) for point in CURVE)))
        assert store.curves() == {"a1": CURVE}


def test_a_file_of_an_earlier_release_has_no_curves_until_it_is_written_to(path):
    with RunStore(path) as store:
        store.add(replace(RUN, curve=()))
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE curves")
        old.execute("ALTER TABLE runs DROP COLUMN metrics")
        old.execute("PRAGMA user_version = 3")
    old.close()
    with RunStore(path, read_only=True) as store:
        assert store.curves() == {}
    with RunStore(path) as store:
        store.add(replace(RUN, run_id="b2"))
        assert store.curves() == {"b2": CURVE}
