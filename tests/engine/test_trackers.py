"""Each run is sent to the trackers as it ends: what it is, how its loss fell, what it came to."""

import importlib.util

import pytest
from accelerate.tracking import GeneralTracker

from flops_fit.engine import run_sweep
from flops_fit.engine.trackers import FOLDER, Tracking, tracked
from flops_fit.errors import SpecError


class Notebook(GeneralTracker):
    """A tracker that Accelerate takes as it takes its own."""

    name = "notebook"
    requires_logging_directory = False

    def __init__(self):
        super().__init__()
        self.runs = []

    def start(self):
        self.runs.append({"config": {}, "logged": [], "finished": False})

    @property
    def tracker(self):
        return self.runs

    def store_init_configuration(self, values):
        self.runs[-1]["config"] = dict(values)

    def log(self, values, step=None, **kwargs):
        self.runs[-1]["logged"].append((step, dict(values)))

    def finish(self):
        self.runs[-1]["finished"] = True


class Offline(Notebook):
    def start(self):
        raise ConnectionError("nobody answers")


@pytest.fixture
def notebook():
    return Notebook()


def test_every_run_becomes_a_run_of_the_tracker(make_spec, plan_of, store, tmp_path, notebook):
    spec, reports = make_spec(), []
    plan = plan_of(spec)
    run_sweep(plan, spec, store, report=Tracking(reports.append, [notebook], tmp_path))
    rows = {(row.size, row.budget): row for row in store.read()}
    assert len(notebook.runs) == len(rows) == len(plan.runs)
    assert len(reports) == len(rows) + 2
    for run in notebook.runs:
        row = rows[run["config"]["size"], run["config"]["budget"]]
        steps, values = zip(*run["logged"], strict=True)
        assert run["finished"]
        assert list(steps) == sorted(steps)
        assert values[-1]["loss"] == row.loss
        assert (values[-1]["n_params"], values[-1]["lr"], steps[-1]) == (row.n_params, row.lr, row.n_steps)
        assert "size" not in values[-1]  # metrics are numbers


def test_the_curve_of_a_run_is_tracked(make_spec, plan_of, store, tmp_path, notebook):
    spec = make_spec()
    run_sweep(plan_of(spec), spec, store, report=Tracking(None, [notebook], tmp_path))
    curves = store.curves()
    n_points = sum(
        key.endswith("_loss") for run in notebook.runs for _, values in run["logged"] for key in values
    )
    assert n_points == sum(map(len, curves.values())) > len(notebook.runs)


def test_what_was_finished_before_is_not_sent_again(make_spec, plan_of, store, tmp_path, notebook):
    spec = make_spec()
    run_sweep(plan_of(spec), spec, store)
    run_sweep(plan_of(spec), spec, store, report=Tracking(None, [notebook], tmp_path))
    assert notebook.runs == []


def test_a_tracker_that_fails_does_not_stop_the_sweep(make_spec, plan_of, store, tmp_path):
    spec = make_spec()
    with pytest.warns(UserWarning, match="nobody answers; the sweep goes on without trackers") as warned:
        summary = run_sweep(plan_of(spec), spec, store, report=Tracking(None, [Offline()], tmp_path))
    assert len(warned) == 1
    assert summary.trained == summary.planned


def test_a_tracker_that_is_not_installed_is_named_with_the_command_that_installs_it(make_spec):
    names = [name for name in ("wandb", "mlflow") if importlib.util.find_spec(name) is None]
    if not names:
        pytest.skip("all trackers are installed")
    spec = make_spec(training={"log_with": names})
    with pytest.raises(SpecError, match=f"log_with names {' and '.join(names)}, which") as error:
        tracked(None, spec)
    assert error.value.fix.startswith(f"pip install {' '.join(names)}")


def test_without_trackers_the_report_is_left_as_it_is(make_spec):
    assert tracked(print, make_spec()) is print


def test_tensorboard_gets_a_file_for_every_run(make_spec, plan_of, store, tmp_path):
    pytest.importorskip("tensorboard")
    spec = make_spec(
        training={"batch_size": 16, "workers": 1, "log_with": ["tensorboard"]}, output_dir=tmp_path
    )
    run_sweep(plan_of(spec), spec, store, report=tracked(None, spec))
    folders = sorted((tmp_path / FOLDER).iterdir())
    assert len(folders) == len(store.read())
    assert all(list(folder.rglob("events.out.tfevents.*")) for folder in folders)
