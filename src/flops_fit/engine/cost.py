"""What the rest of a sweep will cost on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from flops_fit.config import SweepSpec, load_spec, probe
from flops_fit.config.device import process_state
from flops_fit.design import PlannedRun, SweepPlan, plan_sweep
from flops_fit.design.grid import Trunk, executed_steps
from flops_fit.engine.calibrate import Pass, calibrate
from flops_fit.engine.job import check_launch, this_job
from flops_fit.engine.learning_rate import untuned
from flops_fit.engine.memory import MemoryNeed, check_states, free_bytes
from flops_fit.engine.rehearse import Kind, Rehearsal, kind_of
from flops_fit.engine.sweep import CHECKPOINTS, expect_workers, trunks_left, workers_for
from flops_fit.quantities import Interval
from flops_fit.runs import RUNS_FILE, SPEC_FILE, RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A number that is not known yet."""

    value: float
    interval: Interval

    def times(self, factor: float) -> Self:
        """Return it in another unit."""
        low, high = self.interval.low * factor, self.interval.high * factor
        return type(self)(value=self.value * factor, interval=Interval(low, high, self.interval.level))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCost:
    """What one size contributes."""

    size: str
    n_steps: int
    """Executed for the runs that are left."""
    step_s: float
    seconds: float
    """Of one process, evaluations included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is left of a sweep, and what it will cost on this machine."""

    runs_total: int
    runs_left: int
    workers: int
    """Processes side by side."""
    device: str
    """`cpu`, `cuda` or another that torch knows."""
    wall_s: Expected
    """From the start of the first process to the end of the last run; without probes and fit."""
    device_hours: Expected
    """Hours of one core, or of one GPU."""
    energy_kwh: Expected | None
    """Of the GPUs alone, not of the machine around them; None where they do not say what they draw."""
    price: Expected | None
    """In the currency of the price per hour; None where none was given."""
    memory: MemoryNeed | None
    """None where nothing is left to train."""
    calibration_s: float
    cpu_share: float
    """Of a core, that a process had under calibration: less than 1 where other programs ran."""
    not_counted: tuple[str, ...]
    sizes: tuple[SizeCost, ...]


def estimate(
    spec: str | Path | Mapping[str, Any] | SweepSpec,
    *,
    overrides: Sequence[str] = (),
    price_per_hour: float | None = None,
) -> Estimate:
    """Take a few steps of every size on this machine, and predict what the rest of a sweep will cost.

    Keeps nothing. What `output_dir` holds already is not counted, steps that are saved in a checkpoint
    included.

    Args:
        spec: A file, a mapping or a SweepSpec.
        overrides: Changes such as `training.workers=1`.
        price_per_hour: Of this machine, or of all machines of the job.

    Raises:
        TrainingError: `out-of-memory`, `calibration-failed`, `spec-not-sendable`, `batch-not-divisible` or
            `unsupported-launch`.
        FlopsFitError: The spec cannot be planned.
    """
    checked = load_spec(spec, overrides=overrides)
    check_launch(checked)
    expect_workers(checked)
    settled, is_tuned = this_job().on_main(lambda: _at_its_rate(checked))
    plan, trunks = this_job().on_main(lambda: _what_is_left(settled))
    this_job().elsewhere(settled.data.prepare)
    return estimate_sweep(
        plan,
        settled,
        trunks,
        price_per_hour=price_per_hour,
        not_counted=("probes", "fit") if is_tuned else ("probes", "trials of learning rates", "fit"),
    )


def estimate_sweep(
    plan: SweepPlan,
    spec: SweepSpec,
    trunks: Sequence[Trunk],
    *,
    price_per_hour: float | None = None,
    not_counted: tuple[str, ...] = ("probes", "fit"),
) -> Estimate:
    """Predict what `trunks`, in the order given, will cost; see `estimate`.

    Args:
        plan: The whole sweep.
        spec: The spec that the plan was made from, its data prepared.
        trunks: What is left to train, audits included.
        price_per_hour: Of this machine, or of the job.
        not_counted: What else the sweep will do.
    """
    started = time.perf_counter()
    workers = min(workers_for(trunks, spec), len(trunks)) or 1
    longest = _longest_of_each_kind(trunks)
    memory, passes = _measured(longest, spec, workers) if longest else (None, ())
    rehearsal = Rehearsal.of(
        trunks,
        passes,
        workers=workers,
        checkpoint_s=spec.training.checkpoint_s,
        saved={trunk[0].run_id: _steps_saved(trunk, spec) for trunk in trunks},
    )
    wall_s = Expected(value=rehearsal.wall_s, interval=rehearsal.interval)
    device = process_state().device.type
    device_hours = wall_s.times(this_job().n_processes * (workers if device == "cpu" else 1) / 3600)
    watts = [t.watts for found in passes for t in found.timings if t.watts is not None]
    planned = {run.run_id for run in plan.runs}
    return Estimate(
        runs_total=len(plan.runs),
        runs_left=sum(run.run_id in planned for run in chain.from_iterable(trunks)),
        workers=workers,
        device=device,
        wall_s=wall_s,
        device_hours=device_hours,
        energy_kwh=device_hours.times(fmean(watts) / 1000) if watts else None,
        price=None if price_per_hour is None else wall_s.times(price_per_hour / 3600),
        memory=memory,
        calibration_s=time.perf_counter() - started,
        cpu_share=rehearsal.cpu_share,
        not_counted=not_counted,
        sizes=_by_size(rehearsal),
    )


def _at_its_rate(spec: SweepSpec) -> tuple[SweepSpec, bool]:
    """Return `spec` with a learning rate, and whether it is final.

    Where it is to be tuned, that is the rate that an earlier start of the sweep has found, if there was one.
    """
    if spec.training.lr != "auto":
        return spec, True
    with suppress(OSError, ValueError, LookupError, TypeError):
        lr = float(json.loads((spec.output_dir / SPEC_FILE).read_text())["spec"]["training"]["lr"])
        return spec.model_copy(update={"training": spec.training.model_copy(update={"lr": lr})}), True
    return untuned(spec).spec, False


def _steps_saved(trunk: Trunk, spec: SweepSpec) -> int:
    """Return the steps from which a trunk in flight will go on."""
    from flops_fit.engine.checkpoint import Folder
    from flops_fit.engine.in_flight import folder_of

    folder = folder_of(trunk, spec, spec.output_dir / CHECKPOINTS)
    step = Folder(directory=folder, trunk=folder.name, rank=this_job().rank).step("trunk")
    return step if step <= trunk[0].branch_step else 0


def _what_is_left(spec: SweepSpec) -> tuple[SweepPlan, list[Trunk]]:
    plan, file = plan_sweep(spec, probe(spec)), spec.output_dir / RUNS_FILE
    if not file.is_file():
        return plan, trunks_left(plan, (), ())
    with RunStore(file, read_only=True) as store:
        return plan, trunks_left(plan, store.read(), store.audits())


def _longest_of_each_kind(trunks: Sequence[Trunk]) -> list[PlannedRun]:
    """Return one run per size and batch, the largest size first."""
    longest: dict[Kind, PlannedRun] = {}
    for run in sorted(
        chain.from_iterable(trunks), key=lambda run: (run.size.n_params, run.n_steps), reverse=True
    ):
        longest.setdefault(kind_of(run), run)
    return list(longest.values())


def _measured(
    runs: Sequence[PlannedRun], spec: SweepSpec, workers: int
) -> tuple[MemoryNeed, tuple[Pass, ...]]:
    """Calibrate, after a look at whether the largest size can fit at all."""
    free, largest = free_bytes(), runs[0].size
    states = check_states(largest, spec, processes=workers)
    passes = calibrate(runs, spec, workers=workers)
    memory = MemoryNeed(
        size=largest.name,
        state_bytes=states,
        peak_bytes=max(timing.peak_bytes for found in passes for timing in found.timings),
        processes=workers,
        free_bytes=free,
    )
    memory.check()
    return memory, passes


def _by_size(rehearsal: Rehearsal) -> tuple[SizeCost, ...]:
    """Return the cost of each size, the smallest first."""
    trunks = sorted(rehearsal.trunks, key=lambda trunk: trunk[0].size.n_params)
    costs = {}
    for name in dict.fromkeys(trunk[0].size.name for trunk in trunks):
        own = [trunk for trunk in trunks if trunk[0].size.name == name]
        costs[name] = SizeCost(
            size=name,
            n_steps=sum(sum(executed_steps(trunk)) for trunk in own),
            step_s=rehearsal.paces[kind_of(own[0][0])].step_s,
            seconds=sum(map(rehearsal.seconds, own)),
        )
    return tuple(costs.values())
