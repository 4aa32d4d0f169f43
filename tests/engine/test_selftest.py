"""The self-test passes what several processes train as one does, and names what they do not."""

import json

import pytest
import selftest_parts
import tiny_parts
import two_processes

from flops_fit.cli import main
from flops_fit.config import adapt
from flops_fit.engine.selftest import ALLOWED, compare_processes, describe_comparisons
from flops_fit.errors import PluginError, TrainingError

N_STEPS = 12


@pytest.fixture(scope="module")
def found(make_spec):
    """What is found of parts that are right, and of parts each wrong in one way."""
    specs = {
        "right": make_spec(),
        "masked": make_spec(data=two_processes.Masked(), loss=two_processes.MeanOverLabels()),
        "dropout": make_spec(model=tiny_parts.Mlp(dropout=0.5)),
        "restless": make_spec(data=selftest_parts.Restless()),
        "forgetful": make_spec(data=selftest_parts.Forgetful(), training={"batch_size": 16}),
        "lopsided": make_spec(loss=selftest_parts.Lopsided()),
    }
    return {found.name: found for found in compare_processes(specs, n_steps=N_STEPS)}


@pytest.mark.parametrize("name", ["right", "masked", "dropout"])
def test_two_processes_train_as_one_does(found, name):
    assert found[name].differences == ()
    assert found[name].loss_distance <= ALLOWED


def test_every_row_is_counted(found):
    assert found["right"].n_rows == 16 * N_STEPS
    assert 0 < found["masked"].n_rows < 16 * N_STEPS  # rows without a label teach nothing


def test_other_rows_on_one_process_are_told_with_their_step(found):
    assert found["restless"].differences[0] == (
        "step 0: 8 rows of the global batch are dropped, 8 are not of it"
    )


def test_a_held_out_set_that_differs_is_told(found):
    (first, *_) = found["forgetful"].differences
    assert first.startswith("the held-out loss of equal weights differs by")


def test_a_loss_that_differs_is_told_with_its_first_step(found):
    assert found["lopsided"].differences[0].startswith("the training loss differs by up to")
    assert "first at step 0; rounding explains 1e-05" in found["lopsided"].differences[0]


def test_the_table_names_what_differs(found):
    table = describe_comparisons([found["right"], found["restless"]])
    head, right, restless, told = table.splitlines()[:4]
    assert head.split()[:4] == ["model", "size", "processes", "steps"]
    assert right.endswith("ok")
    assert restless.endswith("DIFFERS")
    assert told.startswith("restless: step 0:")


def test_parameters_that_would_hang_the_processes_are_found_before_they_start(make_spec):
    with pytest.raises(PluginError, match="parameters that get no gradient: spare"):
        compare_processes({"idle": make_spec(model=selftest_parts.Idle())})


def test_a_batch_that_cannot_be_shared_is_refused(make_spec):
    with pytest.raises(TrainingError, match="15 rows cannot be shared out evenly to 2 processes"):
        compare_processes({"odd": make_spec(training={"batch_size": 15})})


class Model(two_processes.UserMlp):
    """A user's model, defined in a script."""


@pytest.mark.nightly
def test_a_hundred_steps_of_a_users_model_are_those_of_one_process():
    spec = adapt(
        model_cls=Model,
        model_size_param="width",
        model_sizes=(32, 64, 128, 256),
        dataset=two_processes.Rows(),
        loss_fn=lambda outputs, targets: (outputs - targets).square().mean(),
        compute_budgets=(1e9, 2e9),
        training={"batch_size": 16, "lr": 1e-2, "grad_clip": 1.0},
        allow_thin_sweep=True,
    )
    (found,) = compare_processes({"users": spec})
    assert (found.n_steps, found.n_rows, found.differences) == (100, 1600, ())


@pytest.mark.nightly
def test_the_command_compares_gpt_over_a_hundred_steps(capsys):
    assert main(["selftest", "distributed", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["n_steps"], found["n_rows"], found["differences"]) == ("gpt", 100, 800, [])
    assert found["loss_distance"] <= ALLOWED
