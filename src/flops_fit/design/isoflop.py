"""Lay out the grid: which sizes each budget trains, and for how many steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flops_fit.config.device import Precision
from flops_fit.config.probe import Probe, ProbedSize
from flops_fit.config.spec import SweepSpec
from flops_fit.config.subject import Subject
from flops_fit.config.within_reach import how_to_reach
from flops_fit.design.audit import audited_runs
from flops_fit.design.batch_rule import batch_findings
from flops_fit.design.coverage import cells_left_out, check_coverage, probe_findings
from flops_fit.design.grid import PlannedRun, SweepPlan
from flops_fit.design.held_out import few_held_out
from flops_fit.design.identity import content_hash, run_identity, trunk_identity
from flops_fit.design.phases import phases_of
from flops_fit.design.rate_findings import tuning_ahead
from flops_fit.errors import SpecError


def plan_sweep(spec: SweepSpec, probe: Probe) -> SweepPlan:
    """Choose the sizes of every budget and the steps of every run.

    A budget trains up to `sizes_per_budget` rungs of the ladder, spread evenly in ln N over those that
    lie within the window around the prior optimum and that the budget can train for at least `min_steps`
    steps.

    Raises:
        SpecError: `empty-plan`, no cell of the grid can be trained.
    """
    grid = [_lay_out(budget, spec, probe) for budget in spec.budgets]
    shortest = {cell.rung.size.name: cell.n_steps for row in reversed(grid) for cell in row.long_enough}
    runs = tuple(
        run
        for row in grid
        for cell in row.chosen
        for run in _runs(cell, row.budget, shortest[cell.rung.size.name], spec, probe.precision)
    )
    if not runs:
        raise _nothing_to_train(spec, grid)
    skipped = cells_left_out(
        {row.budget: [cell.rung.size.name for cell in row.too_short] for row in grid}, spec
    )
    plan = SweepPlan(
        plan_id=content_hash([run.run_id for run in runs]),
        runs=runs,
        share_steps=spec.training.mode == "trunks",
        audited=audited_runs(runs, spec.training),
        data=probe.data,
        findings=(
            *skipped,
            *check_coverage(runs, spec, probe.data),
            *few_held_out(probe, spec.data),
            *probe_findings(probe),
        ),
    )
    return replace(
        plan, findings=(*tuning_ahead(plan, spec), *plan.findings, *batch_findings(runs, probe.data))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One rung at one budget."""

    rung: ProbedSize
    n_steps: int
    units_per_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """The cells of one budget."""

    budget: float
    long_enough: Sequence[_Cell]
    """Cells within the window that take at least `min_steps` steps."""
    chosen: Sequence[_Cell]
    too_short: Sequence[_Cell]
    """The other cells within the window."""


def _lay_out(budget: float, spec: SweepSpec, probe: Probe) -> _Row:
    prior, window = spec.prior_n_params(budget), spec.design.window
    units_per_step = spec.training.batch_size * probe.data.units_per_sample
    cells = [
        _Cell(
            rung=rung,
            n_steps=round(budget / (rung.flops_per_unit * units_per_step)),
            units_per_step=units_per_step,
        )
        for rung in probe.sizes
        if prior / window <= rung.size.n_params <= prior * window
    ]
    long_enough = [cell for cell in cells if cell.n_steps >= spec.design.min_steps]
    return _Row(
        budget=budget,
        long_enough=long_enough,
        chosen=_spread(long_enough, spec.design.sizes_per_budget),
        too_short=[cell for cell in cells if cell.n_steps < spec.design.min_steps],
    )


def _spread(cells: Sequence[_Cell], n_cells: int) -> Sequence[_Cell]:
    """Return `n_cells` of the cells, evenly spread in ln N, both ends included; or all if there are fewer."""
    if len(cells) <= n_cells:
        return cells
    by_size = sorted(cells, key=_log_n)
    low, high = _log_n(by_size[0]), _log_n(by_size[-1])
    chosen: list[_Cell] = []
    for i in range(n_cells):
        target = low + (high - low) * i / (n_cells - 1)
        # What is left after this choice must still hold the choices that follow, in order.
        free = by_size[: len(by_size) - (n_cells - 1 - i)]
        best = min(range(len(free)), key=lambda j: abs(_log_n(free[j]) - target))
        chosen.append(by_size[best])
        by_size = by_size[best + 1 :]
    return chosen


def _log_n(cell: _Cell) -> float:
    return math.log(cell.rung.size.n_params)


def _runs(
    cell: _Cell, budget: float, shortest: int, spec: SweepSpec, precision: Precision
) -> list[PlannedRun]:
    """Return one run per seed, named by hashes of what determines it.

    `shortest` are the steps of the shortest run that this size may have.
    """
    warmup_steps, cooldown_steps = phases_of(cell.n_steps, shortest, spec.training)
    draft = PlannedRun(
        run_id="",
        trunk="",
        budget=budget,
        size=cell.rung.size,
        seed=0,
        batch_size=spec.training.batch_size,
        n_steps=cell.n_steps,
        warmup_steps=warmup_steps,
        cooldown_steps=cooldown_steps,
        n_units=cell.n_steps * cell.units_per_step,
        flops_per_unit=cell.rung.flops_per_unit,
        lr=spec.lr_of(cell.rung.size.n_params),
        precision=precision,
    )
    return [_named(replace(draft, seed=seed), spec) for seed in spec.seeds]


def _named(run: PlannedRun, spec: SweepSpec) -> PlannedRun:
    shares_steps = spec.training.schedule == "wsd"
    return replace(
        run,
        run_id=content_hash(run_identity(run, spec)),
        trunk=content_hash(trunk_identity(run, spec)) if shares_steps else "",
    )


def _nothing_to_train(spec: SweepSpec, grid: Sequence[_Row]) -> SpecError:
    longest = max((cell.n_steps for row in grid for cell in row.too_short), default=None)
    low, high = spec.prior_n_params(spec.budgets[0]), spec.prior_n_params(spec.budgets[-1])
    if longest is None:
        return SpecError(
            f"No size of the ladder lies within {spec.design.window:g}x of the prior optimum of any budget "
            f"({low:.3g} to {high:.3g} parameters).",
            fix=how_to_reach(Subject(spec), "raise design.window, or move design.n_min and design.n_max"),
            code="empty-plan",
        )
    return SpecError(
        f"No run has design.min_steps = {spec.design.min_steps} steps; the longest has {longest}.",
        fix=how_to_reach(Subject(spec), "lower training.batch_size"),
        code="empty-plan",
    )
