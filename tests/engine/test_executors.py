"""Processes side by side: the same numbers as one process, and no run lost to a dead worker."""

import multiprocessing
import os

import pytest

from flops_fit.engine import run_sweep
from flops_fit.engine.executors import count_workers
from flops_fit.errors import TrainingError
from flops_fit.runs import RunStore

SIDE_BY_SIDE = {"batch_size": 16, "workers": 2}


def outcomes(store):
    return [(record.run_id, record.status, record.loss, record.n_units) for record in store.read()]


def test_two_workers_give_bit_for_bit_what_one_process_gives(make_spec, plan_of, store, tmp_path):
    alone, both = make_spec(), make_spec(training=SIDE_BY_SIDE)
    run_sweep(plan_of(alone), alone, store)
    with RunStore(tmp_path / "both.sqlite") as other:
        run_sweep(plan_of(both), both, other)
        assert outcomes(other) == outcomes(store)
    assert multiprocessing.active_children() == []


def test_a_worker_that_dies_fails_its_run_only(make_spec, plan_of, parts, store, tmp_path):
    trouble = parts.Trouble(width=4, deed="die", unless=str(tmp_path / "mended"))
    spec = make_spec(model=trouble, training=SIDE_BY_SIDE)
    plan = plan_of(spec)
    summary = run_sweep(plan, spec, store)
    (row,) = [record for record in store.read() if record.status != "completed"]
    assert (summary.trained, summary.failed) == (9, 1)
    assert (row.size, row.status) == ("w4", "failed")
    assert "killed (signal 9)" in row.reason

    (tmp_path / "mended").touch()
    assert run_sweep(plan, spec, store).trained == 1


def test_by_default_there_is_one_worker_per_core(make_spec):
    cores = len(os.sched_getaffinity(0))
    assert count_workers(make_spec(training={})) == cores


def test_a_spec_with_parts_that_cannot_be_sent_trains_in_one_process(make_spec, parts):
    class Local(parts.Mlp):
        pass

    assert count_workers(make_spec(model=Local(), training={})) == 1


def test_parts_of_a_script_train_in_one_process(make_spec, parts, monkeypatch):
    """A worker does not run the user's script, so it could not find them."""
    import __main__

    class Scripted(parts.Mlp):
        pass

    Scripted.__module__, Scripted.__qualname__ = "__main__", "Scripted"
    monkeypatch.setattr(__main__, "Scripted", Scripted, raising=False)
    assert count_workers(make_spec(model=Scripted(), training={})) == 1


def test_asking_for_workers_with_parts_that_cannot_be_sent_is_an_error(make_spec, parts):
    class Local(parts.Mlp):
        pass

    with pytest.raises(TrainingError, match="cannot be sent to other processes"):
        count_workers(make_spec(model=Local(), training=SIDE_BY_SIDE))
