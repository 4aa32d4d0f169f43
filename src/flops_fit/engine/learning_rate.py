"""Turns `training.lr: auto` into a number: trains a few cells at several rates, and keeps every trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flops_fit.config.probe import Probe
from flops_fit.config.spec import SweepSpec
from flops_fit.config.training import RateScaling
from flops_fit.design import plan_sweep
from flops_fit.design.grid import Finding, PlannedRun, SweepPlan
from flops_fit.design.rate_findings import Tuning, tuning_findings
from flops_fit.design.rates import (
    FARTHEST,
    FARTHEST_CHECK,
    OCTAVE,
    Losses,
    Valley,
    at_rate,
    exponent_of,
    next_in_check,
    next_in_search,
    tuning_cells,
    valley_of,
)
from flops_fit.engine.job import SharedStore
from flops_fit.engine.progress import Progress
from flops_fit.engine.sweep import run_sweep
from flops_fit.errors import TrainingError
from flops_fit.runs.record import RunRecord
from flops_fit.runs.store import RunStore

TRIALS = "learning-rate"
"""Directory of the trials within that of the sweep: a store of their own, which no fit reads."""

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A spec whose learning rate is a number, or is left to the model family."""

    spec: SweepSpec
    findings: tuple[Finding, ...] = ()
    """About the tuning; empty where there was none."""


def settle_learning_rate(
    spec: SweepSpec, probed: Probe, directory: Path, *, report: Report | None = None
) -> Settled:
    """Return `spec` with a learning rate; tunes it where the spec says `auto`.

    Trials are kept under `directory`. Interrupted at any moment, the same call later trains what is missing
    and comes to the same rate.

    Raises:
        TrainingError: `rate-at-edge`, no rate is the best; `trial-failed`; or as `run_sweep`.
    """
    if spec.training.lr != "auto":
        return Settled(spec=spec)
    with SharedStore(directory / TRIALS / "runs.sqlite") as store:
        trials = _Trials(spec, plan_sweep(spec, probed), store, report)
        tuning = _tune(trials)
    return Settled(spec=tuning.spec, findings=tuning_findings(tuning))


def untuned(spec: SweepSpec) -> Settled:
    """Return `spec` at the rate from which its tuning would begin."""
    scaling = spec.training.lr_scaling
    return Settled(spec=_at(spec, spec.peak_lr, scaling) if spec.training.lr == "auto" else spec)


def _tune(trials: _Trials) -> Tuning:
    spec, cells = trials.spec, tuning_cells(trials.plan)
    middle = trials.valley(cells.middle, 1.0, next_in_search, farthest=FARTHEST)
    if middle.at_edge:
        raise _at_edge(middle)
    # Two digits: the rest is noise, and a person may want to type the number.
    lr = float(f"{spec.peak_lr * 2.0**middle.octaves:.2g}")
    factor = lr / spec.peak_lr
    others = [trials.valley(run, factor, next_in_check, farthest=FARTHEST_CHECK) for run in cells.others]
    middle = middle.seen_from(math.log2(factor))
    chosen = _at(spec, lr, _scaling(spec, middle, others))

    def as_trained(valley: Valley) -> Valley:
        run = valley.run
        return valley.seen_from(math.log2(chosen.lr_of(run.size.n_params) / (run.lr * factor)))

    return Tuning(
        spec=chosen,
        middle=as_trained(middle),
        others=tuple(map(as_trained, others)),
        n_runs=len(trials.records),
        flops=math.fsum(record.flops for record in trials.records.values()),
    )


def _scaling(spec: SweepSpec, middle: Valley, others: Sequence[Valley]) -> RateScaling | None:
    """Return how rates change with the size: as written, or as found where the family promises nothing."""
    if spec.training.lr_scaling is not None or spec.model.lr_transfers:
        return spec.training.lr_scaling
    exponent = exponent_of(middle, others)
    return RateScaling(at=middle.run.size.n_params, exponent=exponent) if exponent else None


def _at(spec: SweepSpec, lr: float, scaling: RateScaling | None) -> SweepSpec:
    settled = {"lr": lr, "lr_scaling": scaling}
    return spec.model_copy(update={"training": spec.training.model_copy(update=settled)})


class _Trials:
    """The cells of a plan at any learning rate, each trained once and kept in `store`."""

    def __init__(self, spec: SweepSpec, plan: SweepPlan, store: RunStore, report: Report | None) -> None:
        self.spec, self.plan = spec, plan
        self.records: dict[str, RunRecord] = {}
        self._store, self._report = store, report
        self._runs: dict[str, PlannedRun] = {}

    def valley(
        self,
        run: PlannedRun,
        factor: float,
        next_rates: Callable[[Losses], tuple[int, ...]],
        *,
        farthest: int,
    ) -> Valley:
        """Try the rates that `next_rates` names until it names none, `farthest` half octaves away at most.

        0 is `factor` times the rate that `run` was planned with.
        """
        losses: dict[int, float] = {}
        while ahead := [k for k in next_rates(losses) if abs(k) <= farthest]:
            trials = {k: at_rate(run, factor * run.lr * 2.0 ** (k / OCTAVE), self.spec) for k in ahead}
            self._train(trials.values())
            losses |= {k: self._loss(trial) for k, trial in trials.items()}
        return valley_of(run, losses)

    def _train(self, runs: Iterable[PlannedRun]) -> None:
        """Train what the store lacks; earlier trials stay in the plan, so that progress counts them."""
        self._runs |= {run.run_id: run for run in runs}
        plan = replace(
            self.plan,
            plan_id=TRIALS,
            runs=tuple(self._runs.values()),
            share_steps=False,
            audited=(),
            findings=(),  # they are about the sweep, which is yet to come
        )
        try:
            run_sweep(plan, self.spec, self._store, report=self._report)
        except TrainingError as error:
            if error.code != "no-run-completed":  # all diverged: lower rates may not
                raise
        self.records = {row.run_id: row for row in self._store.read(self._runs)}

    def _loss(self, trial: PlannedRun) -> float:
        record = self.records[trial.run_id]
        if record.status == "failed":
            raise TrainingError(
                f"The trial of {record.size} at {trial.budget:.3g} FLOPs and learning rate {trial.lr:g} "
                f"failed: {record.reason}.",
                fix="mend what this names, then start the same command again; or set training.lr to a number",
                code="trial-failed",
            )
        return math.inf if record.loss is None else record.loss


def _at_edge(valley: Valley) -> TrainingError:
    side = "lowest" if valley.octaves < 0 else "highest"
    return TrainingError(
        f"The best learning rate of {valley.run.size.name} at {valley.run.budget:.3g} FLOPs lies outside of "
        f"all that were tried: the {side}, {valley.run.lr * 2.0**valley.octaves:.2g}, did best.",
        fix="set training.lr to a number that you know to work; or look for a loss that ignores the model",
        code="rate-at-edge",
    )
