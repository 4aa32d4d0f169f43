"""Processes side by side: the same numbers as one process, and no run lost to a dead worker."""

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from flops_fit.engine import run_sweep
from flops_fit.engine.executors import count_workers
from flops_fit.errors import TrainingError
from flops_fit.runs import RunStore

SIDE_BY_SIDE = {"batch_size": 16, "workers": 2}


@pytest.fixture(scope="module")
def sweep_with_a_death(make_spec, plan_of, parts, tmp_path_factory):
    """Spec, plan, summary and store of a sweep on two workers, one of which dies training w4."""
    folder = tmp_path_factory.mktemp("death")
    trouble = parts.Trouble(width=4, deed="die", unless=str(folder / "mended"))
    spec = make_spec(model=trouble, training=SIDE_BY_SIDE)
    plan = plan_of(spec)
    with RunStore(folder / "runs.sqlite") as store:
        yield spec, plan, run_sweep(plan, spec, store), store


def test_a_worker_that_dies_fails_its_run_only(sweep_with_a_death):
    _, _, summary, store = sweep_with_a_death
    (row,) = [record for record in store.read() if record.status != "completed"]
    assert (summary.trained, summary.failed) == (9, 1)
    assert (row.size, row.status) == ("w4", "failed")
    assert "killed (signal 9)" in row.reason


def test_two_workers_give_bit_for_bit_what_one_process_gives(sweep_with_a_death, make_spec, plan_of, store):
    """The runs that survive are those of the same models without the trouble."""
    alone = make_spec()
    run_sweep(plan_of(alone), alone, store)
    expected = {(r.budget, r.size): (r.loss, r.n_units) for r in store.read() if r.size != "w4"}
    rows = [r for r in sweep_with_a_death[3].read() if r.status == "completed"]
    assert {(r.budget, r.size): (r.loss, r.n_units) for r in rows} == expected


def test_no_process_is_left_behind(sweep_with_a_death):
    assert multiprocessing.active_children() == []


def test_the_run_of_a_dead_worker_is_tried_again(sweep_with_a_death, tmp_path):
    spec, plan, _, store = sweep_with_a_death
    Path(spec.model.unless).touch()
    with RunStore(Path(shutil.copy(store.path, tmp_path))) as copy:
        assert run_sweep(plan, spec, copy).trained == 1
        assert {record.status for record in copy.read()} == {"completed"}


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
