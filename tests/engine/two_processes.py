"""What test_parallel.py has two processes do together, and one process alone: `two_processes.py FOLDER`.

Each process writes what it finds to `FOLDER/rank0.json` or `rank1.json`. Then both train a model that raises
on process 1 alone, which is how the job ends.
"""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import tiny_parts
import torch
from torch import nn

from flops_fit.cli import main
from flops_fit.components import Batch, LossFunction
from flops_fit.config import adapt, load_spec
from flops_fit.config.device import resolve_precision
from flops_fit.config.probe import Probe, ProbedSize
from flops_fit.config.spec import SweepSpec
from flops_fit.design import SweepPlan, plan_sweep
from flops_fit.design.grid import PlannedRun
from flops_fit.engine import SharedStore, interrupt, job, one_voice, run_sweep, this_job
from flops_fit.engine.executors import count_workers
from flops_fit.engine.loop import Trainee, evaluate, set_up, take_steps
from flops_fit.engine.parallel import Team
from flops_fit.engine.reproducible import reproducible
from flops_fit.engine.trunk import train_run, train_trunk
from flops_fit.errors import FlopsFitError

N_STEPS = 100


class Haunted(tiny_parts.Mlp):
    """Something goes wrong at width 2, on process 1 alone or on both."""

    kind: Literal["haunted"] = "haunted"
    deed: Literal["raise", "nan"]
    rank: Literal["1", "01"]

    def build(self, size, data):
        net = super().build(size, data)
        if size.options["width"] == 2 and os.environ.get("RANK", "1") in self.rank:
            net.register_forward_pre_hook({"raise": tiny_parts._raise, "nan": tiny_parts._nan}[self.deed])
        return net


class Masked(tiny_parts.Points):
    """Labels of which every third batch has none in its second half."""

    kind: Literal["masked"] = "masked"

    def train_batches(self, batch_size, seed, start_step=0):
        for step, batch in enumerate(super().train_batches(batch_size, seed, start_step), start_step):
            labels = batch["inputs"][:, 0].mul(3).round().long()
            labels[1::5] = -100
            if step % 3 == 0:
                labels[batch_size // 2 :] = -100
            yield {"inputs": batch["inputs"], "labels": labels}

    def eval_batches(self, batch_size):
        return iter([next(self.train_batches(64, seed=1))])


class MeanOverLabels(LossFunction):
    kind: Literal["mean_over_labels"] = "mean_over_labels"

    def __call__(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        counted = batch["labels"] != -100
        return (outputs - batch["labels"])[counted].square().mean()

    def metrics(self, outputs: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """One batch of 64 rows is all that is evaluated, so process 1 evaluates nothing of its own."""
        counted = batch["labels"] != -100
        return {"error": (outputs - batch["labels"])[counted].abs().mean()}


class Rows(torch.utils.data.Dataset):
    """A user's own rows, as (inputs, targets)."""

    def __len__(self):
        return 500

    def __getitem__(self, i):
        inputs = torch.sin(torch.arange(1, 9) * (i + 1.0))
        return inputs + 0.1 * torch.randn(8), torch.tanh(inputs[:4]).sum() - inputs[4:].square().sum()


class UserMlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, inputs):
        return self.layers(inputs).squeeze(-1)

    def num_params(self):
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def gpt() -> SweepSpec:
    return load_spec(
        {
            "model": {"kind": "gpt"},
            "data": {"kind": "stdlib_text", "length": 32, "eval_rows": 70},
            "budgets": [1e9, 2e9],
            "allow_thin_sweep": True,
            # At the default rate of 1.3 and so few tokens per step, training itself blows a change of the
            # weights by 1e-7 up to 3e-4 within 100 steps; at 0.5 it does not.
            "training": {"batch_size": 8, "eval_batch_size": 32, "precision": "fp32", "lr": 0.5},
        }
    )


def users_mlp() -> SweepSpec:
    return adapt(
        model_cls=UserMlp,
        model_size_param="width",
        model_sizes=(64,),
        dataset=Rows(),
        loss_fn=lambda outputs, targets: (outputs - targets).square().mean(),
        compute_budgets=(1e9, 2e9),
        training={"batch_size": 16, "lr": 1e-2, "grad_clip": 1.0},
        allow_thin_sweep=True,
    )


def tiny(**fields) -> SweepSpec:
    parts = {
        "model": tiny_parts.Mlp(),
        "data": tiny_parts.Points(),
        "loss": tiny_parts.Squared(),
        "flops": tiny_parts.SixN(),
        "fit": tiny_parts.NoFit(),
        "budgets": (5e5, 1e6),
        "design": {"sizes_per_budget": 3, "units_per_param": 100.0, "window": 4.0, "min_steps": 50},
        "training": {"batch_size": 16},
        "allow_thin_sweep": True,
    }
    return SweepSpec.model_validate(parts | fields)


def plan_of(spec: SweepSpec) -> SweepPlan:
    data = spec.data.spec()
    sizes = tuple(
        ProbedSize(size=size, flops_per_unit=6.0 * size.n_params, flops_6nd_per_unit=6.0 * size.n_params)
        for size in spec.model.ladder(*spec.n_params_range(), data)
    )
    return plan_sweep(spec, Probe(data=data, sizes=sizes, precision=resolve_precision(spec.training)))


def a_run(spec: SweepSpec, n_steps: int = N_STEPS) -> PlannedRun:
    data = spec.data.spec()
    size = spec.model.ladder(1, 1e6, data)[0]
    n_units = n_steps * spec.training.batch_size * data.units_per_sample
    return PlannedRun(
        run_id="a-run",
        trunk="a-trunk",
        budget=6.0 * size.n_params * n_units,
        size=size,
        seed=0,
        batch_size=spec.training.batch_size,
        n_steps=n_steps,
        warmup_steps=n_steps // 10,
        cooldown_steps=n_steps // 5,
        n_units=n_units,
        flops_per_unit=6.0 * size.n_params,
        lr=spec.peak_lr,
        precision="fp32",
    )


def losses(spec: SweepSpec) -> list[float]:
    """Return the training loss summed up to every 20th step, between the first and last held-out loss."""
    spec.data.prepare()
    run = a_run(spec)
    with reproducible(run.seed):
        trainee = set_up(run, spec)
        found = held_out(trainee)
        trainee.module.train()
        for _ in range(N_STEPS // 20):
            take_steps(trainee, 20)
            found.append(trainee.team.total(trainee.loss_sum).item() / trainee.team.n)
        return [*found, *held_out(trainee)]


def held_out(trainee: Trainee) -> list[float]:
    """Return the loss and the metrics."""
    found = evaluate(trainee, trainee.spec)
    return [found.loss, *found.metrics.values()]


def everything(folder: Path) -> dict[str, object]:
    """Return what every process measures."""
    compared = {
        "gpt": losses(gpt()),
        "users_mlp": losses(users_mlp()),
        "masked": losses(tiny(data=Masked(), loss=MeanOverLabels())),
    }
    team = Team.of_this_job()
    batches = ({"ids": torch.arange(12 * i, 12 * (i + 1))} for i in range(3))
    return {
        "losses": compared,
        "rows": [team.share(batch)[0]["ids"].tolist() for batch in batches],
        "noise": noise(),
        "sweep": a_sweep(folder),
        "nan": asdict(train_run(planned("w2"), tiny(model=Haunted(deed="nan", rank="1"))))["reason"],
        "resumed": resumed(folder),
        "workers": count_workers(tiny(training={"batch_size": 16, "workers": 4}), ()),
        "errors": [code(folder, deed) for deed in (odd_batch, unwritable_store, different_ends)],
    }


def noise() -> list[float]:
    with reproducible(0):
        set_up(planned("w2"), tiny())
        return torch.rand(3).tolist()


def resumed(folder: Path) -> list[object]:
    """Ask process 1 to end within a trunk; return what both did and saved, and the losses in the end."""
    spec = tiny(model=tiny_parts.Mlp(dropout=0.5))
    trunk = tuple(
        replace(a_run(spec, n_steps), run_id=f"run{n_steps}", cooldown_steps=n_steps // 4)
        for n_steps in (80, 200)
    )
    whole = [record.loss for record in train_trunk(trunk, spec)]
    if this_job().rank == 1:
        interrupt._wish.set()
    try:
        list(train_trunk(trunk, spec, folder / "checkpoints"))
        ended = "to the end"
    except KeyboardInterrupt:
        ended = "interrupted"
    interrupt._wish.clear()
    saved = (folder / "checkpoints" / "a-trunk" / f"trunk-{this_job().rank}.safetensors").is_file()
    return [ended, saved, whole, [record.loss for record in train_trunk(trunk, spec, folder / "checkpoints")]]


def planned(size: str) -> PlannedRun:
    return next(run for run in plan_of(tiny()).runs if run.size.name == size)


def a_sweep(folder: Path) -> list[object]:
    """Train a sweep of which w2 raises on every process, into a folder of this process's own."""
    spec, reports = tiny(model=Haunted(deed="raise", rank="01")), []
    with SharedStore(folder / f"only{this_job().rank}" / "runs.sqlite") as store:
        summary = run_sweep(plan_of(spec), spec, store, report=reports.append)
        rows = [(row.size, row.status, row.n_units, row.loss, row.reason) for row in store.read()]
    return [asdict(replace(summary, wall_s=0.0)), rows, len(reports)]


def odd_batch(folder: Path) -> None:
    spec = tiny(training={"batch_size": 15})
    run_sweep(plan_of(spec), spec, SharedStore(folder / "odd" / "runs.sqlite"))


def unwritable_store(folder: Path) -> None:
    (folder / "a_file").touch()
    SharedStore(folder / "a_file" / "runs.sqlite")


def different_ends(folder: Path) -> None:
    this_job().in_step(lambda: 1 / this_job().rank)


def code(folder, deed) -> str:
    try:
        deed(folder)
    except FlopsFitError as error:
        return f"{error.code}: {error.problem}"
    return "nothing raised"


SWEEP = """\
model: gpt
data: {kind: stdlib_text, length: 32}
budgets: {start: 3.0e+8, stop: 2.1e+9, count: 7}
design: {sizes_per_budget: 3, window: 6, n_min: 4000, min_steps: 4}
"""


def the_command(folder: Path) -> list[int]:
    """Run the command line twice: it refuses a batch of 3 rows, and trains with 16."""
    spec = folder / f"sweep{this_job().rank}.yaml"
    spec.write_text(SWEEP + f"output_dir: {folder / 'out'}\n")
    return [main(["run", str(spec), "--set", f"training.batch_size={rows}"]) for rows in (3, 16)]


def haunt(folder: Path) -> int:
    job.PATIENCE_S = 2.0
    spec = tiny(model=Haunted(deed="raise", rank="1"))
    with one_voice() as tell:
        try:
            with SharedStore(folder / "runs.sqlite") as store:
                run_sweep(plan_of(spec), spec, store)
        except FlopsFitError as error:
            tell(str(error))
            return 2
    return 0


if __name__ == "__main__":
    out = Path(sys.argv[1])
    answer = everything(out) | {"statuses": the_command(out)}
    (out / f"rank{this_job().rank}.json").write_text(json.dumps(answer))
    sys.exit(haunt(out))
