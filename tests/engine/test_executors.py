"""Processes side by side: the same numbers as one process, and no run lost to a dead worker."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import PrivateAttr

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
    assert count_workers(make_spec(training={}), ()) == cores


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """What a script said that trained its own classes with two workers, with one, and resumed with one."""
    folder = tmp_path_factory.mktemp("script")
    said = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("user_script.py")), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return folder, *json.loads(said.stdout)


def test_classes_and_lambdas_of_a_script_train_the_same_in_workers(script):
    _, (trained, in_two), (_, in_one), _ = script
    assert trained == len(in_two) >= 5
    assert in_two == in_one
    assert {status for _, status, _ in in_two} == {"completed"}


def test_workers_do_not_run_the_script_again(script):
    assert (script[0] / "started").read_text() == "once\n"


def test_a_sweep_begun_with_workers_goes_on_in_one_process(script):
    _, (_, in_two), _, (trained, rows) = script
    assert (trained, rows) == (0, in_two)


@pytest.fixture
def unsendable(parts):
    class Locked(parts.Mlp):
        _lock: Any = PrivateAttr(default_factory=threading.Lock)

    return Locked()


def test_a_spec_that_cannot_be_sent_trains_in_one_process(make_spec, unsendable):
    assert count_workers(make_spec(model=unsendable, training={}), ()) == 1


def test_asking_for_workers_with_parts_that_cannot_be_sent_is_an_error(make_spec, unsendable):
    with pytest.raises(TrainingError, match=r"cannot be sent to other processes: TypeError: .*lock"):
        count_workers(make_spec(model=unsendable, training=SIDE_BY_SIDE), ())


def test_a_local_class_is_sent_by_value(make_spec, parts):
    class Local(parts.Mlp):
        pass

    assert count_workers(make_spec(model=Local(), training=SIDE_BY_SIDE), ()) == 2
