"""A trunk that was stopped anywhere goes on to the same end, bit for bit."""

from dataclasses import replace

import pytest
import torch
import two_processes
from torch import nn

from flops_fit.config import adapt
from flops_fit.engine import interrupt
from flops_fit.engine.attempt import attempt
from flops_fit.engine.in_flight import folder_of
from flops_fit.engine.trunk import train_trunk
from flops_fit.errors import StoreError

STOPS = [3, 24, 27, 31, 60, 100, 162]
"""Batches after which a trunk stops: of its 172, 31 are for the first run (24 of them shared), 42 for the
second and 99 for the third; so some stops lie in cooldowns, some where the trunk branches off."""


class Killed(BaseException):
    """The process is gone, with nobody to save anything."""


class Normed(nn.Module):
    """Noise, and running averages that training changes and no gradient sees."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1)
        )

    def forward(self, inputs):
        return self.layers(inputs).squeeze(-1)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


@pytest.fixture(scope="module", params=["user's own", "dropout"])
def spec(request, make_spec, parts):
    if request.param == "dropout":
        return make_spec(model=parts.Mlp(dropout=0.5))
    return adapt(
        model_cls=Normed,
        model_size_param="width",
        model_sizes=(16,),
        dataset=two_processes.Rows(),
        loss_fn=lambda outputs, targets: (outputs - targets).square().mean(),
        compute_budgets=(1e9, 2e9),
        training={"batch_size": 8, "lr": 1e-2},
        allow_thin_sweep=True,
    )


@pytest.fixture(scope="module")
def trunk(spec):
    """Three runs, of 31, 66 and 149 steps."""
    run = replace(two_processes.a_run(spec), warmup_steps=7)
    return tuple(
        replace(run, run_id=f"run{n}", n_steps=n, cooldown_steps=n // 4, n_units=run.n_units // 100 * n)
        for n in (31, 66, 149)
    )


@pytest.fixture(scope="module")
def expected(spec, trunk):
    return [outcome(record) for record in train_trunk(trunk, spec)]


def outcome(record):
    return replace(record, wall_s=None)


def saved_every(spec, seconds):
    return spec.model_copy(update={"training": spec.training.model_copy(update={"checkpoint_s": seconds})})


@pytest.fixture
def stop_after(monkeypatch):
    """Call to do something after so many batches; returns how many were drawn."""

    def after(spec, n_batches, deed):
        drawn, cls = [0], type(spec.data)
        original = cls.train_batches

        def counted(self, batch_size, seed, start_step=0):
            for batch in original(self, batch_size, seed, start_step):
                drawn[0] += batch_size > 1  # the description of a data set looks at one row
                if drawn[0] == n_batches and batch_size > 1:
                    deed()
                yield batch

        monkeypatch.setattr(cls, "train_batches", counted)
        return drawn

    yield after
    interrupt._wish.clear()


def die():
    raise Killed


def run_until_it_stops(trunk, spec, checkpoints, error):
    """Return the records until `error`, and what is left of the trunk."""
    records = []
    with pytest.raises(error):
        records.extend(map(outcome, train_trunk(trunk, spec, checkpoints)))
    return records, trunk[len(records) :]


@pytest.mark.parametrize("n_batches", STOPS)
def test_a_trunk_that_was_asked_to_stop_goes_on_from_that_step(
    spec, trunk, expected, tmp_path, stop_after, n_batches
):
    stop_after(spec, n_batches, interrupt._wish.set)
    records, left = run_until_it_stops(trunk, spec, tmp_path, KeyboardInterrupt)
    interrupt._wish.clear()
    drawn = stop_after(spec, -1, die)
    records += [outcome(record) for record in train_trunk(left, spec, tmp_path)]
    assert records == expected
    assert n_batches + drawn[0] == n_batches_in_all(trunk)


@pytest.mark.parametrize("n_batches", STOPS)
def test_a_trunk_that_was_killed_goes_on_from_its_last_checkpoint(
    spec, trunk, expected, tmp_path, stop_after, n_batches
):
    """With one after every step, nothing but the step in which it was killed is done again."""
    spec = saved_every(spec, 1e-9)
    stop_after(spec, n_batches, die)
    records, left = run_until_it_stops(trunk, spec, tmp_path, Killed)
    drawn = stop_after(spec, -1, die)
    records += [outcome(record) for record in train_trunk(left, spec, tmp_path)]
    assert records == expected
    assert n_batches - 1 + drawn[0] == n_batches_in_all(trunk)


def n_batches_in_all(trunk):
    return trunk[-1].n_steps + sum(run.cooldown_steps for run in trunk[:-1])


def test_between_two_checkpoints_steps_are_taken_again(spec, trunk, expected, tmp_path, stop_after):
    """By default one is written where the trunk branches off, and the next after a minute."""
    stop_after(spec, 29, die)
    records, left = run_until_it_stops(trunk, spec, tmp_path, Killed)
    assert records == []
    drawn = stop_after(spec, -1, die)
    assert [outcome(record) for record in train_trunk(left, spec, tmp_path)] == expected
    assert drawn[0] == n_batches_in_all(trunk) - trunk[0].branch_step


@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_a_damaged_checkpoint_means_to_start_over_and_finished_runs_are_kept(
    spec, trunk, expected, tmp_path, stop_after, caplog, content
):
    stop_after(spec, 50, die)
    records, left = run_until_it_stops(trunk, spec, tmp_path, Killed)
    assert records == expected[:1]
    for path in folder_of(trunk, spec, tmp_path).iterdir():
        path.write_bytes(content)
    again = [outcome(record) for record in train_trunk(left, spec, tmp_path)]
    assert [record.loss for record in again] == [record.loss for record in expected[1:]]
    assert "cannot be used" in caplog.text


def test_a_checkpoint_of_another_model_means_to_start_over(
    make_spec, parts, trunk, tmp_path, stop_after, caplog, monkeypatch
):
    spec = make_spec()
    expected = [record.loss for record in train_trunk(trunk, spec)]
    stop_after(spec, 40, die)
    _, left = run_until_it_stops(trunk, spec, tmp_path, Killed)
    stop_after(spec, -1, die)
    (path,) = folder_of(trunk, spec, tmp_path).glob("trunk-*")
    swap_a_tensor(path)
    assert [record.loss for record in train_trunk(left, spec, tmp_path)] == expected[1:]
    assert "holds another model: the trunk starts over" in caplog.text


def swap_a_tensor(path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors["model.hidden.weight"] = torch.zeros(2, 2)
    save_file(tensors, path, metadata=metadata)


def test_an_unwritable_directory_ends_the_sweep_and_not_just_the_trunk(spec, trunk, tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(StoreError, match="A checkpoint cannot be written"):
        list(attempt(trunk, spec, tmp_path / "checkpoints"))


def test_runs_alone_do_not_share_a_checkpoint(make_spec, trunk, tmp_path):
    alone = make_spec(training={"mode": "alone"})
    assert len({folder_of((run,), alone, tmp_path) for run in trunk}) == 3
    assert len({folder_of((run,), make_spec(), tmp_path) for run in trunk}) == 1
