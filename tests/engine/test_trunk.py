"""A trunk: each of its runs is, bit for bit, the run alone, for the price of one."""

from dataclasses import replace

import pytest
import torch
import two_processes
from torch import nn

from flops_fit.config import adapt
from flops_fit.engine.executors import attempt
from flops_fit.engine.loop import advance, set_up
from flops_fit.engine.reproducible import Generators, reproducible
from flops_fit.engine.state import State
from flops_fit.engine.trunk import train_run, train_trunk


class Noisy(torch.utils.data.Dataset):
    """A user's rows, augmented by a global generator; 90 of them, so that a trunk takes several epochs."""

    def __len__(self):
        return 90

    def __getitem__(self, i):
        inputs = torch.sin(torch.arange(1, 9) * (i + 1.0)) + 0.1 * torch.randn(8)
        return inputs, inputs.square().sum()


class Normed(nn.Module):
    """A user's model with noise, with running averages, and with a counter of its steps."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.3), nn.Linear(width, 1)
        )

    def forward(self, inputs):
        return self.layers(inputs).squeeze(-1)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())


def users_own():
    return adapt(
        model_cls=Normed,
        model_size_param="width",
        model_sizes=(16,),
        dataset=Noisy(),
        loss_fn=lambda outputs, targets: (outputs - targets).square().mean(),
        compute_budgets=(1e9, 2e9),
        training={"batch_size": 8, "lr": 1e-2, "grad_clip": 1.0, "cooldown_shape": "1-sqrt"},
        allow_thin_sweep=True,
    )


def three_runs(spec):
    """A trunk of three runs; the second and the third branch off far apart and from odd steps."""
    run = replace(two_processes.a_run(spec), warmup_steps=7)
    return [
        replace(run, run_id=f"run{n}", n_steps=n, cooldown_steps=n // 4, n_units=run.n_units // 100 * n)
        for n in (31, 66, 149)
    ]


@pytest.fixture(scope="module", params=["gpt", "users_own", "dropout"])
def trained(request, make_spec, parts):
    """The records of a trunk, and of each of its runs alone."""
    makers = {
        "gpt": two_processes.gpt,
        "users_own": users_own,
        "dropout": lambda: make_spec(model=parts.Mlp(dropout=0.5)),
    }
    spec = makers[request.param]()
    spec.data.prepare()
    runs = three_runs(spec)
    return list(train_trunk(runs, spec)), [train_run(run, spec) for run in runs]


def test_a_branch_is_bit_for_bit_the_run_alone(trained):
    together, alone = trained
    assert [record.loss for record in together] == [record.loss for record in alone]
    assert len({record.loss for record in alone}) == 3


def test_a_row_says_what_the_run_costs_alone_and_beside_it_what_was_executed(trained):
    together, alone = trained
    assert [record.flops for record in together] == [record.flops for record in alone]
    assert [record.n_units for record in together] == [record.n_units for record in alone]
    assert [record.flops_executed for record in alone] == [record.flops for record in alone]
    per_step = alone[0].flops / 31
    executed = [record.flops_executed / per_step for record in together]
    assert executed == pytest.approx([31, 66 - (31 - 7), 149 - (66 - 16)])
    assert {record.trunk for record in (*together, *alone)} == {"a-trunk"}


def test_the_state_of_a_trunk_is_that_of_the_run_alone(make_spec, parts):
    """Every weight, moment, buffer and generator, after a detour through a cooldown."""
    spec = make_spec(model=parts.Mlp(dropout=0.5))
    short, long, _ = three_runs(spec)
    states = []
    for detour in (True, False):
        with reproducible(long.seed):
            trainee = set_up(short, spec)
            advance(trainee, short.branch_step)
            if detour:
                fork = State.of(trainee).copied()
                advance(trainee, short.n_steps)
                fork.put_back(trainee)
            trainee.become(long)
            advance(trainee, long.branch_step)
            states.append(State.of(trainee))
    one, other = states
    assert one.step == other.step == long.branch_step
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert torch.equal(one.generators.cpu, other.generators.cpu)
    assert one.generators.python == other.generators.python


class Late(nn.Module):
    """A second layer that takes part only from the 30th step on: its moments begin in a cooldown."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 1), nn.Linear(8, 1)
        self.register_buffer("n_seen", torch.zeros((), dtype=torch.int64))

    def forward(self, batch):
        if self.training:
            self.n_seen += 1
        return sum(layer(batch["inputs"]).squeeze(-1) for layer in self._active())

    def _active(self):
        return [self.first, self.second] if self.n_seen > 29 else [self.first]


def test_moments_that_begin_in_a_cooldown_are_forgotten_after_it(make_spec, parts, monkeypatch):
    monkeypatch.setattr(parts.Mlp, "build", lambda self, size, data: Late())
    spec = make_spec()
    runs = three_runs(spec)
    alone = [train_run(run, spec).loss for run in runs]
    assert [record.loss for record in train_trunk(runs, spec)] == alone


def test_generators_outside_are_left_alone_between_two_records(make_spec, parts):
    spec = make_spec(model=parts.Mlp(dropout=0.5))
    before = Generators.now()
    for _ in train_trunk(three_runs(spec), spec):
        assert torch.equal(Generators.now().cpu, before.cpu)
        assert Generators.now().python == before.python


def test_a_trunk_that_diverges_takes_its_later_runs_along(make_spec, parts):
    spec = make_spec()
    runs = [replace(run, lr=1e30) for run in three_runs(spec)]
    records = list(train_trunk(runs, spec))
    assert [record.status for record in records] == ["diverged"] * 3
    assert all("not finite by step" in record.reason for record in records)
    assert [record.flops_executed > 0 for record in records] == [True, False, False]


def test_a_cooldown_that_diverges_is_no_end_of_the_trunk(make_spec, parts, monkeypatch):
    spec = make_spec()
    runs = three_runs(spec)
    alone = train_run(runs[2], spec).loss
    step_of_nan = runs[0].branch_step + 3
    poison_once(parts, monkeypatch, step_of_nan)
    records = list(train_trunk(runs, spec))
    assert [record.status for record in records] == ["diverged", "completed", "completed"]
    assert records[2].loss == alone


def poison_once(parts, monkeypatch, n_batches):
    """Let the targets of one batch, the `n_batches`-th that is drawn, be nan."""
    drawn, points = [0], parts.Points.train_batches

    def poisoned(self, batch_size, seed, start_step=0):
        for batch in points(self, batch_size, seed, start_step):
            drawn[0] += 1
            yield batch | {"targets": batch["targets"] * float("nan")} if drawn[0] == n_batches else batch

    monkeypatch.setattr(parts.Points, "train_batches", poisoned)


def test_what_a_trunk_raises_fails_the_runs_that_are_left(make_spec, parts):
    spec = make_spec(data=parts.Points(ends_after=40))
    records = list(attempt(tuple(three_runs(spec)), spec))
    assert [record.status for record in records] == ["completed", "failed", "failed"]
    assert records[1].reason == records[2].reason
    assert "ended after 40 batches" in records[1].reason
