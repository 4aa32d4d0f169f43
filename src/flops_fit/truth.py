"""Whether a sweep finds what is true: its fit beside a floor in closed form and a model really trained ahead.

The floor is the Bayes loss of the very tokens or images that the runs were evaluated on, so that the noise of
a finite held-out set is in neither. The model ahead is trained at three times the largest budget, of the size
next to the one that the fit recommends there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flops_fit.api import run_spec
from flops_fit.config import SweepSpec, probe
from flops_fit.design import plan_sweep
from flops_fit.errors import SpecError, TrainingError
from flops_fit.fit import Estimate, irreducible_loss
from flops_fit.runs import RUNS_FILE, RunRecord
from flops_fit.text_columns import aligned

if TYPE_CHECKING:
    from flops_fit.engine import Progress

AHEAD = 3.0
"""Times the largest budget at which a model is trained to hold the forecast to."""
FLOOR_WITHIN = 0.03
"""Largest error allowed of the irreducible loss, nats per unit."""
LOSS_WITHIN = 0.015
"""Largest error allowed of the loss ahead, as a share of it."""
AHEAD_DIRECTORY = "ahead"
"""Of the model trained ahead, within the sweep's own."""

_ALL = 1000
"""Sizes per budget that no ladder has."""

Report = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What one sweep says, and what is true."""

    data: str
    model: str
    seed: int
    floor: float
    """The Bayes loss of the held-out set, nats per unit, as all losses here."""
    least: float
    """Of all runs of the sweep: how far above the floor it still was."""
    irreducible: Estimate
    flops: float
    """Compute ahead."""
    predicted: Estimate
    """Loss at that compute."""
    n_params: float
    """Of the model trained there."""
    trained: float
    """Its loss."""

    @property
    def floor_error(self) -> float:
        """How far the fitted irreducible loss is above the true one, nats per unit."""
        return self.irreducible.value - self.floor

    @property
    def floor_covered(self) -> bool:
        """Whether the interval of the irreducible loss holds the true one."""
        return self.floor in self.irreducible.interval

    @property
    def loss_error(self) -> float:
        """How far the forecast is above the loss trained, as a share of that."""
        return self.predicted.value / self.trained - 1

    @property
    def loss_covered(self) -> bool:
        """Whether the interval of the forecast holds the loss trained."""
        return self.trained in self.predicted.interval

    @property
    def missed(self) -> tuple[str, ...]:
        """What is not as it should be; empty if all is well."""
        told = {
            f"the irreducible loss is off by {self.floor_error:+.3f} nats": (
                abs(self.floor_error) > FLOOR_WITHIN
            ),
            "the interval of the irreducible loss leaves the floor out": not self.floor_covered,
            f"the loss ahead is off by {self.loss_error:+.2%}": abs(self.loss_error) > LOSS_WITHIN,
            "the interval of the loss ahead leaves the model trained there out": not self.loss_covered,
        }
        return tuple(what for what, so in told.items() if so)


def check_truth(spec: SweepSpec, *, report: Report | None = None) -> Truth:
    """Run a sweep and train one model ahead of it, both kept in `spec.output_dir`; compare with the truth.

    What is finished already is not trained again.

    Raises:
        SpecError: `no-known-floor`: nobody knows the least loss on the spec's data.
        FlopsFitError: As `flops_fit.find_optimal`.
    """
    spec.data.prepare()
    floor = spec.data.bayes_loss()
    if floor is None:
        raise _no_floor(spec)
    result = run_spec(spec, report=report)
    flops = AHEAD * spec.budgets[-1]
    forecast = result.predict(flops, accept_unreliable=True)
    sizes = (float(result.law.points.n_params.min()), float(result.law.points.n_params.max()))
    n_params, trained = train_ahead(spec, flops, forecast.n_params, trained=sizes, report=report)
    return Truth(
        data=spec.data.label,
        model=spec.model.label,
        seed=spec.seeds[0],
        floor=floor,
        least=float(result.law.points.loss.min()),
        irreducible=irreducible_loss(result.law.points),
        flops=flops,
        predicted=Estimate(value=forecast.loss, interval=forecast.loss_interval),
        n_params=n_params,
        trained=trained,
    )


def train_ahead(
    spec: SweepSpec,
    flops: float,
    n_params: float,
    *,
    trained: tuple[float, float],
    report: Report | None = None,
) -> tuple[float, float]:
    """Train the rung of the ladder next to `n_params` with `flops`, as the sweep trained its own.

    What is finished already is not trained again.

    Args:
        spec: The sweep; the run is kept in a directory within its own.
        flops: Compute to spend.
        n_params: Size that is wanted.
        trained: The smallest and the largest size of the sweep.
        report: Called with the progress.

    Returns:
        Size and held-out loss of the model trained.

    Raises:
        TrainingError: `ahead-failed`.
    """
    from flops_fit.engine import SharedStore, run_sweep, sole_owner
    from flops_fit.engine.learning_rate import settle_learning_rate

    tuned = spec
    if spec.training.lr == "auto":
        tuned = settle_learning_rate(spec, probe(spec), spec.output_dir).spec  # trained already: looked up
    offered = {
        "n_min": min(trained[0], n_params),
        "n_max": 2 * max(trained[1], n_params),
        "window": math.inf,
        "sizes_per_budget": _ALL,
    }
    ahead = tuned.model_copy(
        update={
            "budgets": (flops,),
            "seeds": spec.seeds[:1],
            "design": spec.design.model_copy(update=offered),
            "training": tuned.training.model_copy(update={"audit": 0}),
            "output_dir": spec.output_dir / AHEAD_DIRECTORY,
        }
    )
    plan = plan_sweep(ahead, probe(ahead))
    nearest = min(plan.runs, key=lambda run: abs(math.log(run.size.n_params / n_params)))
    with sole_owner(ahead.output_dir), SharedStore(ahead.output_dir / RUNS_FILE) as store:
        summary = run_sweep(replace(plan, runs=(nearest,), findings=()), ahead, store, report=report)
        (record,) = store.read(summary.run_ids)
    if record.loss is None:
        raise _failed(record)
    return record.n_params, record.loss


def describe_truths(truths: Sequence[Truth]) -> str:
    """Return a table for people, and beneath it what is not as it should be."""
    header = ("data", "model", "seed", "floor", "least run", "irreducible loss", "loss ahead", "trained", "")
    rows = [header, *map(_row, truths)]
    told = [f"{truth.data}, seed {truth.seed}: {missed}" for truth in truths for missed in truth.missed]
    return "\n".join([*aligned(rows), *told])


def _row(truth: Truth) -> tuple[str, ...]:
    return (
        truth.data,
        truth.model,
        f"{truth.seed}",
        f"{truth.floor:.4f}",
        f"{truth.least:.4f}",
        _estimate(truth.irreducible),
        _estimate(truth.predicted),
        f"{truth.trained:.4f}",
        "MISSED" if truth.missed else "ok",
    )


def _estimate(found: Estimate) -> str:
    return f"{found.value:.4f} ({found.interval.low:.4f} to {found.interval.high:.4f})"


def _no_floor(spec: SweepSpec) -> SpecError:
    return SpecError(
        f"data: nobody knows the least loss that a model can reach on {spec.data.label!r}, so there is no "
        "truth to hold a fit to.",
        fix="use a source that knows it: `data: synthetic_language`, or `gratings` of flops-fit-vit",
        code="no-known-floor",
    )


def _failed(record: RunRecord) -> TrainingError:
    return TrainingError(
        f"The model trained ahead of the sweep, {record.size} with {record.flops:.3g} FLOPs, has no loss: "
        f"{record.reason or record.status}.",
        fix="lower `training.lr`; then run the sweep again",
        code="ahead-failed",
    )
