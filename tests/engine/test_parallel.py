"""Two processes that train each run together: the losses of one, every row once, one writer, one voice."""

import json
import os
import socket
import subprocess
import sys
from itertools import chain

import pytest
import torch
import two_processes

from flops_fit.engine.loop import evaluate, set_up, take_steps
from flops_fit.engine.parallel import Team
from flops_fit.engine.reproducible import reproducible

SPECS = {
    "gpt": two_processes.gpt,
    "users_mlp": two_processes.users_mlp,
    "masked": lambda: two_processes.tiny(data=two_processes.Masked(), loss=two_processes.MeanOverLabels()),
}


def launch(folder):
    """Start two_processes.py on two processes on the CPU."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--main_process_port", str(port), two_processes.__file__, str(folder)]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """What each of two processes found, what one process finds alone, what was printed, and the status."""
    folder = tmp_path_factory.mktemp("job")
    process = launch(folder)
    alone = {name: two_processes.losses(make()) for name, make in SPECS.items()}
    out, err = process.communicate(timeout=240)
    ranks = [folder / f"rank{rank}.json" for rank in (0, 1)]
    assert all(rank.is_file() for rank in ranks), err
    return [json.loads(rank.read_text()) for rank in ranks], alone, folder, out, err, process.returncode


@pytest.mark.parametrize("name", SPECS)
def test_two_processes_have_the_losses_of_one(job, name):
    """Over 100 steps; `masked` has labels of -100, at times all labels of one process."""
    (main, other), alone, *_ = job
    assert main["losses"][name] == pytest.approx(alone[name], rel=1e-5)
    assert other["losses"][name] == main["losses"][name]


@pytest.mark.parametrize("name", SPECS)
def test_evaluation_counts_every_unit_once(job, name):
    """Before training, weights are equal, and so is the loss: bit for bit."""
    (main, _), alone, *_ = job
    assert main["losses"][name][0] == alone[name][0]


def test_processes_take_every_row_of_a_batch_once(job):
    shares = zip(*(rank["rows"] for rank in job[0]), strict=True)
    assert [sorted(chain(*parts)) for parts in shares] == [list(range(12 * i, 12 * i + 12)) for i in range(3)]


def test_dropout_differs_between_processes(job):
    (main, other), *_ = job
    assert main["noise"] == two_processes.noise()
    assert main["noise"] != other["noise"]


def test_a_loss_that_is_not_finite_on_one_process_ends_the_run_on_all(job):
    assert [rank["nan"] for rank in job[0]] == ["the loss was not finite by step 50"] * 2


def test_a_run_that_raises_on_every_process_is_a_failed_run(job):
    (main, other), *_ = job
    assert other["sweep"][:2] == main["sweep"][:2]
    summary, rows, _ = main["sweep"]
    assert (summary["trained"], summary["failed"]) == (4, 2)
    assert {(size, reason) for size, status, *_, reason in rows if status == "failed"} == {
        ("w2", "ArithmeticError: the hidden layer is haunted")
    }


def test_processes_stop_together_if_one_is_asked_to_and_go_on_bit_for_bit(job):
    for ended, saved, whole, resumed in (rank["resumed"] for rank in job[0]):
        assert (ended, saved) == ("interrupted", True)
        assert resumed == whole


def test_the_main_process_alone_writes_and_reports(job):
    (main, other), _, folder, *_ = job
    assert (folder / "only0" / "runs.sqlite").is_file()
    assert not (folder / "only1").exists()
    assert (main["sweep"][2], other["sweep"][2]) == (8, 0)


def test_runs_are_not_trained_side_by_side_as_well(job):
    assert [rank["workers"] for rank in job[0]] == [1, 1]


def test_errors_reach_every_process(job):
    (main, other), *_ = job
    assert main["errors"] == other["errors"]
    batch, store, ends = main["errors"]
    assert batch == (
        "batch-not-divisible: training.batch_size = 15 rows cannot be shared out evenly to 2 processes."
    )
    assert store.startswith("store-not-writable")
    assert ends.startswith("out-of-step")
    assert "process 0 raised ZeroDivisionError: division by zero. Not all did." in ends


def test_the_command_writes_once_talks_once_and_ends_alike(job):
    (main, other), _, folder, out, err, _ = job
    assert main["statuses"] == other["statuses"]
    assert main["statuses"][0] == 2
    assert main["statuses"][1] in {0, 3}
    assert err.count("batch_size = 3 rows cannot be shared out evenly") == 1
    assert err.count("\n0/19 runs") == 1
    assert out.count("| C (FLOPs) |") == 1
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "law.json",
        "plots",
        "report.html",
        "runs.sqlite",
        "spec.json",
        "sweep.lock",
    ]


def test_a_run_that_raises_on_one_process_ends_the_job_with_its_message(job):
    *_, err, status = job
    assert status != 0
    assert "process 1 raised ArithmeticError: the hidden layer is haunted" in err


@pytest.mark.parametrize("name", SPECS)
def test_accelerates_wrappers_change_no_bit_of_a_run_alone(name):
    """They are bypassed where one process trains a run; this is what they would give."""
    spec = SPECS[name]()
    spec.data.prepare()
    run = two_processes.a_run(spec)
    found = []
    for wrapped in (False, True):
        with reproducible(run.seed):
            trainee = set_up(run, spec, Team.of_this_job(wrapped=wrapped))
            take_steps(trainee, 30)
            found.append([trainee.loss_sum.item(), evaluate(trainee, spec).loss])
        assert (trainee.team.accelerator is not None) == wrapped
    assert found[0] == found[1]


def test_a_process_without_a_label_of_its_own_takes_a_step_of_weight_zero():
    batch = {"inputs": torch.arange(6), "labels": torch.tensor([5, -100, 5, -100, -100, -100])}
    shares = [Team(n=3, rank=rank, accelerator=None).share(batch) for rank in range(3)]
    assert [weight for _, weight in shares] == [1.5, 1.5, 0.0]
    assert [own["inputs"].tolist() for own, _ in shares] == [[0, 1], [2, 3], [0, 1, 2, 3, 4, 5]]
