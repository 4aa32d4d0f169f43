"""The Python API. `run_spec` is the table of contents of the whole library: one line per stage."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flops_fit.config import (
    DesignSpec,
    Probe,
    SweepSpec,
    TrainingSpec,
    adapt,
    load_spec,
    made_from,
    probe,
    read_form,
    write_spec_json,
)
from flops_fit.config.arguments import OF_RUNS, OF_SWEEP, refusing_unknown
from flops_fit.config.pasteable import fitted_again_from, told_in_python
from flops_fit.design import SweepPlan, probe_worth_training
from flops_fit.design import plan_sweep as plan_probed_sweep
from flops_fit.errors import SpecError, TableError
from flops_fit.fit import Conventions, FlopConvention, SizeConvention, declare, fit_imported, fit_law
from flops_fit.result import ScalingResult
from flops_fit.result import load as load_law
from flops_fit.result.earlier import set_aside, set_aside_unrelated
from flops_fit.result.scaling import LAW_FILE, PLOT_FILE, REPORT_FILE
from flops_fit.runs import RUNS_FILE, SPEC_FILE, audit_findings, measured_speed, write_table
from flops_fit.sources import (
    RunSource,
    check_arguments,
    check_free,
    is_table,
    pointing_to_the_rest,
    read_runs,
    read_sweep,
)

if TYPE_CHECKING:
    from flops_fit.components import FitForm, FlopCounter, LossFunction
    from flops_fit.engine import Progress
    from flops_fit.engine.learning_rate import Settled

__all__ = ["check_spec", "export_runs", "find_optimal", "fit_runs", "load", "plan_sweep", "run_spec"]

SpecSource = str | Path | Mapping[str, Any] | SweepSpec


def run_spec(
    spec: SweepSpec, *, simulate: bool = False, report: Callable[[Progress], None] | None = None
) -> ScalingResult:
    """Plan, train what is missing, fit and answer; everything is kept in `spec.output_dir`.

    Where the spec leaves its learning rate to be tuned, trials come first.

    Args:
        spec: What to train.
        simulate: Draw the losses from a formula instead, into the subdirectory `simulated`, where nobody
            mistakes them for trained ones.
        report: Called with the progress of the sweep.
    """
    from flops_fit.engine import check_launch, sole_owner

    check_launch(spec)
    out = spec.output_dir / "simulated" if simulate else spec.output_dir
    with sole_owner(out):
        return _run_into(out, spec, simulate=simulate, report=report)


def _run_into(
    out: Path, spec: SweepSpec, *, simulate: bool, report: Callable[[Progress], None] | None
) -> ScalingResult:
    """Call the stages in their order."""
    from flops_fit.engine import SharedStore, expect_workers, run_sweep, simulate_sweep, this_job
    from flops_fit.engine.learning_rate import settle_learning_rate, untuned
    from flops_fit.engine.trackers import tracked

    tracking = tracked(report, spec)
    if not simulate:
        expect_workers(spec)
    probed = this_job().on_main(lambda: probe(spec) if simulate else probe_worth_training(spec))
    settled = untuned(spec) if simulate else settle_learning_rate(spec, probed, out, report=report)
    spec, plan = settled.spec, this_job().on_main(lambda: _plan_into(out, settled, probed))
    with SharedStore(out / RUNS_FILE) as store:
        summary = simulate_sweep(plan, store) if simulate else run_sweep(plan, spec, store, report=tracking)
        records = store.read(summary.run_ids)
        findings = (*plan.findings, *audit_findings(store.audits(), records))
    with fitted_again_from(out):
        declared = Conventions(loss_unit=spec.loss_unit(plan.data.unit))
        law = fit_law(records, spec.fit, unit=plan.data.unit, declared=declared, planned=findings)
    law = replace(law, made_from=made_from(spec, plan.data), speed=measured_speed(records))
    result = ScalingResult(law, kept=out)
    this_job().on_main(lambda: _keep(result, out, sweep=out))
    return result


@refusing_unknown(SpecError, OF_SWEEP)
def find_optimal(
    spec: SpecSource | None = None,
    *,
    model_cls: Callable[..., Any] | None = None,
    model_size_param: str = "",
    model_kwargs: Mapping[str, Any] | None = None,
    model_sizes: Sequence[Any] = (),
    dataset: object = None,
    eval_dataset: object = None,
    loss_fn: LossFunction | Callable[..., Any] | None = None,
    compute_budgets: Sequence[float] = (),
    seeds: Sequence[int] = (0,),
    design: DesignSpec | Mapping[str, Any] | None = None,
    training: TrainingSpec | Mapping[str, Any] | None = None,
    flops: FlopCounter | Mapping[str, Any] | str = "traced",
    fit: FitForm | Mapping[str, Any] | str = "auto",
    output_dir: str | Path = "flops-fit-out",
    allow_thin_sweep: bool = False,
    quiet: bool = False,
) -> ScalingResult:
    """Train an IsoFLOP sweep and answer how big a model to train, on how much data, to what loss.

    Give either `spec` (a file, a mapping or a SweepSpec) or your own objects; the other arguments are those
    of `flops_fit.config.adapt`. What is finished already is not trained again. Progress goes to standard
    error; with `quiet`, only the runs that have no loss do.

    Raises:
        FlopsFitError: One clear message with its fix; see docs/reference/errors.md.
    """
    arguments = locals()
    from flops_fit.engine import announce, console_reporter

    report = console_reporter(sys.stderr, quiet=quiet)
    if spec is not None and (ignored := _changed(arguments)):
        raise _two_sources(ignored)
    if spec is None and (model_cls is None or dataset is None or loss_fn is None):
        raise _no_source(model_cls=model_cls, dataset=dataset, loss_fn=loss_fn)
    with told_in_python(arguments if spec is None else None):
        described = load_spec(spec) if spec is not None else adapt(**_own_objects(arguments))
        announce("trying every part of the sweep before anything is trained ...", sys.stderr, quiet=quiet)
        return run_spec(described, report=report)


def check_spec(spec: SpecSource, *, overrides: Sequence[str] = ()) -> Probe:
    """Validate a spec, probe its components, and refuse what is not worth training; trains nothing."""
    return probe_worth_training(load_spec(spec, overrides=overrides))


def plan_sweep(spec: SpecSource, *, overrides: Sequence[str] = ()) -> SweepPlan:
    """Return the grid that a spec would train, with its cost and what to know about it; trains nothing."""
    checked = load_spec(spec, overrides=overrides)
    return plan_probed_sweep(checked, probe(checked))


@refusing_unknown(TableError, OF_RUNS)
def fit_runs(
    source: RunSource,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, object] | None = None,
    layout: str | None = None,
    n_params: SizeConvention = "unknown",
    flops: FlopConvention = "unknown",
    loss_unit: str = "unknown",
    unit: str = "",
    form: FitForm | Mapping[str, Any] | str | None = None,
    out: str | Path | None = None,
) -> ScalingResult:
    """Fit runs that exist already.

    Args:
        source: A sweep directory, finished or not; a table with columns N, D and loss as CSV, Parquet, JSON
            lines, a JSON list or a pandas DataFrame (C, seed and budget are used where they are there); or
            RunRecords.
        columns: Our column names to the table's, e.g. {"N": "params"}.
        where: Fit only the rows of a table that hold these values, e.g. {"data": "c4"}.
        layout: Whose table it is: "wandb", "nanochat" or "marin". Its columns, and the unit of its loss, are
            then known; `columns` names what is missing or meant otherwise.
        n_params: What the table's N counts: "total" or "non-embedding" parameters.
        flops: What the table's C is: "6ND" or "counted" operations.
        loss_unit: Of the table's loss, e.g. "nats per token"; never assumed but of a `layout`.
        unit: What one unit of the table's D is, e.g. "token".
        form: What to fit, as in the field `fit` of a spec; None takes that of the sweep, or chooses.
        out: Directory to keep law, plots and report in.

    Raises:
        FlopsFitError: One clear message with its fix; see docs/reference/errors.md.
    """
    check_arguments(loss_unit=loss_unit, unit=unit, out=out)
    check_free(out, source)
    runs = read_runs(source, columns=columns, where=where, layout=layout)
    loss_unit = runs.loss_unit if loss_unit == "unknown" else loss_unit
    form = runs.form if form is None else form
    with pointing_to_the_rest(runs):
        law = fit_imported(
            runs.records,
            None if form is None else read_form(form),
            unit=unit or runs.unit,
            declared=declare(n_params=n_params, flops=flops, loss_unit=loss_unit),
            planned=runs.findings,
            labels=runs.labels,
        )
    law = replace(law, made_from=runs.made_from, speed=measured_speed(runs.records))
    result = ScalingResult(law, kept=None if out is None else Path(out))
    if result.kept is not None:
        _keep(result, result.kept, sweep=source if isinstance(source, str | Path) else None)
    return result


def load(path: str | Path) -> ScalingResult:
    """Return the result that a path holds: a law, a sweep, or a table of runs.

    Args:
        path: A `law.json` or a directory with one, as `save` and `run` write them; a sweep directory that has
            no law yet, whose runs are fitted; or a table, which `fit_runs` takes without further options.

    Raises:
        StoreError: there is nothing to read (`no-law`).
        FlopsFitError: what `fit_runs` raises.
    """
    source = Path(path)
    has_only_runs = (source / RUNS_FILE).is_file() and not (source / LAW_FILE).is_file()
    return fit_runs(source) if has_only_runs or is_table(source) else load_law(source)


def export_runs(directory: str | Path, to: str | Path) -> int:
    """Write the runs of a sweep directory as CSV, Parquet or JSON lines, by suffix, and return how many."""
    runs = read_sweep(Path(directory))
    units = {"unit": runs.unit, "loss_unit": runs.loss_unit}
    write_table(runs.records, to, units={k: v for k, v in units.items() if v not in {"unit", "unknown"}})
    return len(runs.records)


def _plan_into(out: Path, settled: Settled, probed: Probe) -> SweepPlan:
    """Plan, and write down what will be trained."""
    spec, plan = settled.spec, plan_probed_sweep(settled.spec, probed)
    plan = replace(plan, findings=(*settled.findings, *plan.findings))
    origin = made_from(spec, plan.data)
    known = {
        "plan_id": plan.plan_id,
        "n_runs": len(plan.runs),
        "unit": plan.data.unit,
        "loss_unit": spec.loss_unit(plan.data.unit),
        "findings": [asdict(finding) for finding in plan.findings],
        "made_from": asdict(origin),
    }
    set_aside(out, origin)
    write_spec_json(spec, out / SPEC_FILE, plan=known)
    return plan


def _keep(result: ScalingResult, out: Path, *, sweep: str | Path | None) -> None:
    set_aside_unrelated(out, result.law)
    result.save(out)
    result.save_plot(out / PLOT_FILE)
    result.report(out / REPORT_FILE, sweep=sweep)


def _own_objects(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `find_optimal` that describe a sweep by objects."""
    return {name: value for name, value in arguments.items() if name not in {"spec", "quiet"}}


def _changed(arguments: Mapping[str, object]) -> list[str]:
    """Name the arguments of `find_optimal` that describe a sweep and are not at their defaults."""
    defaults = inspect.signature(find_optimal).parameters
    given = _own_objects(arguments)
    return [name for name, value in given.items() if value is not defaults[name].default]


def _two_sources(ignored: Sequence[str]) -> SpecError:
    return SpecError(
        f"find_optimal was given a spec and {', '.join(ignored)} as well; a spec describes the whole sweep.",
        fix=f"write this into the spec and leave out {', '.join(ignored)}, or leave out `spec`",
        code="two-sources",
    )


def _no_source(**objects: object) -> SpecError:
    missing = [name for name, value in objects.items() if value is None]
    return SpecError(
        f"find_optimal needs a spec, or your own objects; missing: {', '.join(missing)}.",
        fix='find_optimal("sweep.yaml"), or pass model_cls, model_size_param, dataset, loss_fn and '
        "compute_budgets",
        code="no-source",
    )
