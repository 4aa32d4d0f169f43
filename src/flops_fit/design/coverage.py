"""What a reader should know about a grid before it is trained: where it is too thin to carry an answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from flops_fit.components import DataSpec, ModelFamily
from flops_fit.config.probe import Probe
from flops_fit.config.spec import MIN_BUDGETS, SweepSpec
from flops_fit.config.within_reach import HOPELESS_EPOCHS, MAX_EPOCHS
from flops_fit.design.grid import Finding, PlannedRun
from flops_fit.design.refusal import too_little_to_fit

MIN_SIZES = 10
"""Distinct sizes in a sweep; fewer leave the exponent of N to a handful of models."""
MIN_SIZES_PER_BUDGET = 5
"""A vertex takes three points; two more let one of them be wrong."""
MIN_SPAN = 10.0
"""Largest over smallest budget."""
MIN_STEPS = 150
"""Loss curves of small GPTs still change order before about 150 steps (measured for the u-muP ladder)."""
SETTLED_STEPS = 1000
"""From here on nothing is said about steps."""
LONGEST_WARMUP = 0.2
"""Share of a run; small models that warm up for longer look worse than they are.

Source: Porian et al. 2024, arXiv:2406.19146, section 3.2.
"""
MOST_EPOCHS_TO_FIT = 100.0
"""Epochs up to which a form that knows of repetition is offered: beyond, data are worth hardly more."""
KNOWS_REPETITION = "data_constrained"
"""The fit form in which epochs beyond the first count for less."""
_LESS_REPETITION = "lower the budgets; or use more data, or raise design.n_min"
ON_TARGET = 0.01
"""A run may miss the FLOPs of its budget by this fraction, because steps are whole."""

_ByBudget = Mapping[float, Sequence[PlannedRun]]


def check_coverage(runs: Sequence[PlannedRun], spec: SweepSpec, data: DataSpec) -> tuple[Finding, ...]:
    """Return what weakens the answer that `runs`, ordered by budget, can give; nothing if nothing does."""
    by_budget = {budget: tuple(row) for budget, row in groupby(runs, key=lambda run: run.budget)}
    return (
        *too_little_to_fit(runs, spec),
        *_budgets(by_budget, spec),
        *_sizes(by_budget),
        *_sides(by_budget, spec),
        *_steps(runs),
        *_warmup(runs),
        *_targets(runs),
        *_epochs(runs, data, spec),
        *_unique_units(data, spec),
        *_learning_rate(runs, spec),
    )


def probe_findings(probe: Probe) -> Iterator[Finding]:
    """Hand on what the probes saw that is no error."""
    for caveat in probe.caveats:
        yield Finding(
            code="probe-caveat",
            severity="info",
            message=caveat if caveat.endswith(".") else f"{caveat}.",
            action="keep it in mind when reading the results",
        )


def cells_left_out(too_short: Mapping[float, Sequence[str]], spec: SweepSpec) -> tuple[Finding, ...]:
    """Say which sizes of which budgets the plan leaves out because they would take too few steps."""
    places = [f"{budget:.3g} FLOPs: {', '.join(names)}" for budget, names in too_short.items() if names]
    if not places:
        return ()
    finding = Finding(
        code="cells-left-out",
        severity="info",
        message=f"Sizes that would take fewer than {spec.design.min_steps} steps are left out ("
        + "; ".join(places)
        + ").",
        action="lower training.batch_size or raise these budgets to train them",
    )
    return (finding,)


def _budgets(by_budget: _ByBudget, spec: SweepSpec) -> list[Finding]:
    findings = []
    low, high = min(by_budget), max(by_budget)
    if empty := [budget for budget in spec.budgets if budget not in by_budget]:
        findings.append(
            Finding(
                code="empty-budget",
                severity="error",
                message=f"No run at {_listed(empty)} FLOPs.",
                action=f"keep to budgets from {low:.3g} to {high:.3g} FLOPs, which have runs; or raise "
                "design.window or lower training.batch_size",
            )
        )
    if len(by_budget) < MIN_BUDGETS:
        problem = f"{len(by_budget)} budgets have runs; exponents need at least {MIN_BUDGETS}."
        findings.append(_warning("few-budgets", problem, "add budgets", len(by_budget), MIN_BUDGETS))
    if high / low < MIN_SPAN:
        problem = f"The budgets span a factor of {high / low:.3g}; below a decade exponents are loose."
        action = f"reach from {low:.3g} to at least {MIN_SPAN * low:.3g} FLOPs"
        findings.append(_warning("narrow-span", problem, action, high / low, MIN_SPAN))
    return findings


def _sizes(by_budget: _ByBudget) -> list[Finding]:
    names = {budget: {run.size.name for run in row} for budget, row in by_budget.items()}
    distinct = len(set().union(*names.values()))
    findings = []
    if distinct < MIN_SIZES:
        problem = f"{distinct} distinct sizes in the sweep; at least {MIN_SIZES} are wanted."
        action = "raise design.sizes_per_budget or design.window, or use a finer ladder"
        findings.append(_warning("few-sizes", problem, action, distinct, MIN_SIZES))
    if thin := [budget for budget, sizes in names.items() if len(sizes) < MIN_SIZES_PER_BUDGET]:
        problem = (
            f"Fewer than {MIN_SIZES_PER_BUDGET} sizes at {_listed(thin)} FLOPs: too few to place a minimum."
        )
        action = "raise design.sizes_per_budget or design.window, or lower training.batch_size"
        fewest = min(len(names[budget]) for budget in thin)
        findings.append(_warning("few-sizes-per-budget", problem, action, fewest, MIN_SIZES_PER_BUDGET))
    return findings


def _sides(by_budget: _ByBudget, spec: SweepSpec) -> list[Finding]:
    above: dict[float, bool] = {}
    """Of each lopsided budget, whether all of its sizes are above the prior optimum."""
    for budget, row in by_budget.items():
        sides = {run.size.n_params >= spec.prior_n_params(budget) for run in row}
        if len(sides) == 1:
            above[budget] = sides.pop()
    if not above:
        return []
    told, actions = [], []
    for is_above, side, action in (
        (True, "above", _to_train_smaller(spec)),
        (False, "below", _to_train_larger(spec)),
    ):
        if budgets := [budget for budget in above if above[budget] is is_above]:
            told.append(f"{_listed(budgets)} FLOPs {side}")
            actions.append(action)
    return [
        _warning(
            "one-sided",
            f"Every size lies on one side of the prior optimum, at {', at '.join(told)} it, "
            "so the minimum may lie outside of the grid.",
            "; ".join([*actions, "or change design.units_per_param, by which the optimum is guessed"]),
        )
    ]


def _to_train_smaller(spec: SweepSpec) -> str:
    if spec.design.n_min is not None:
        return f"lower design.n_min (now {spec.design.n_min:.3g}), if the model comes that small"
    return "raise these budgets, or let the model come in smaller sizes"


def _to_train_larger(spec: SweepSpec) -> str:
    """Name what may keep larger sizes out: a limit that was set, else the window and too few steps."""
    design = spec.design
    shown = f"design.window (now {design.window:g}) or these budgets,"
    if design.n_max is not None:
        shown = f"design.n_max (now {design.n_max:.3g})"
    batch = f"training.batch_size (now {spec.training.batch_size})"
    return f"raise {shown} or lower {batch}, to train larger ones"


def _steps(runs: Sequence[PlannedRun]) -> list[Finding]:
    short = [run.n_steps for run in runs if run.n_steps < SETTLED_STEPS]
    if not short:
        return []
    too_short = [n_steps for n_steps in short if n_steps < MIN_STEPS]
    action = "lower training.batch_size or raise the budgets"
    if not too_short:
        problem = f"{_count(short)} below {SETTLED_STEPS} steps (the shortest {min(short)})."
        return [replace(_warning("few-steps", problem, action, min(short), SETTLED_STEPS), severity="info")]
    shown = f"{_count(too_short)} below {MIN_STEPS} steps (the shortest {min(short)})"
    problem = f"{shown}, where losses rank sizes badly."
    return [_warning("few-steps", problem, action, min(short), MIN_STEPS)]


def _warmup(runs: Sequence[PlannedRun]) -> list[Finding]:
    shares = [(run.warmup_steps - 1) / run.n_steps for run in runs if run.warmup_steps]  # steps are whole
    long = [share for share in shares if share > LONGEST_WARMUP]
    if not long:
        return []
    problem = (
        f"{_count(long)} warming up, at less than the rate asked for, for more than {LONGEST_WARMUP:.0%} of "
        f"all steps (at most {max(long):.1%})."
    )
    action = "lower training.warmup or training.batch_size, or raise the budgets"
    return [_warning("long-warmup", problem, action, max(long), LONGEST_WARMUP)]


def _targets(runs: Sequence[PlannedRun]) -> list[Finding]:
    misses = [run.flops / run.budget - 1 for run in runs]
    if not (missed := [miss for miss in misses if abs(miss) > ON_TARGET]):
        return []
    problem = (
        f"{_count(missed)} off the FLOPs of their budget by more than {ON_TARGET:.0%}, because steps are "
        f"whole (worst: {max(missed, key=abs):+.1%})."
    )
    action = "raise design.min_steps to 50 or more, or lower training.batch_size"
    return [_warning("off-target", problem, action, max(map(abs, missed)), ON_TARGET)]


def _epochs(runs: Sequence[PlannedRun], data: DataSpec, spec: SweepSpec) -> list[Finding]:
    epoch = data.n_units
    if epoch is None or not (repeating := [run.n_units for run in runs if run.n_units > epoch]):
        return []
    most = max(repeating) / epoch
    seen = f"{_count(repeating)} beyond one epoch of {epoch:.3g} {data.unit}s, up to {most:.3g} epochs"
    knows = spec.fit.kind == KNOWS_REPETITION
    if most <= (MOST_EPOCHS_TO_FIT if knows else MAX_EPOCHS):
        reckoned = f"`{KNOWS_REPETITION}` reckons with that."
        problem = reckoned if knows else "their losses may lie a little above those on fresh data."
        action = "nothing" if knows else _LESS_REPETITION
        return [replace(_warning("repeated-data", f"{seen}: {problem}", action, most, 1.0), severity="info")]
    return [_many_epochs(seen, most, epoch, knows=knows)]


def _many_epochs(seen: str, most: float, epoch: int, *, knows: bool) -> Finding:
    """Warn of more repetition than a law of fresh data bears, or than any law can learn from."""
    if knows:
        problem = f"{seen}: beyond {MOST_EPOCHS_TO_FIT:g} epochs hardly anything is learnt any more."
        return _warning("many-epochs", problem, _LESS_REPETITION, most, MOST_EPOCHS_TO_FIT)
    problem = f"{seen}: beyond {MAX_EPOCHS:g} epochs losses no longer follow a law of fresh data."
    action = _LESS_REPETITION + f", or write {_form_of(epoch)}" * (most <= MOST_EPOCHS_TO_FIT)
    many = _warning("many-epochs", problem, action, most, MAX_EPOCHS)
    return replace(many, severity="error" if most > HOPELESS_EPOCHS else "warning")


def _unique_units(data: DataSpec, spec: SweepSpec) -> list[Finding]:
    """Refuse a form that takes data for fresh which the source has not; it may well have less, of copies."""
    claimed, epoch = getattr(spec.fit, "unique_units", None), data.n_units
    if claimed is None or epoch is None or claimed <= epoch * (1 + ON_TARGET):
        return []
    problem = f"fit.unique_units is {claimed:.3g}, but one epoch of the data has {epoch:,} {data.unit}s."
    found = _warning("too-many-unique-units", problem, f"write {_form_of(epoch)}", claimed, epoch)
    return [replace(found, severity="error")]


def _form_of(epoch: int) -> str:
    return f"`fit: {{kind: {KNOWS_REPETITION}, unique_units: {epoch}}}`"


def _warning(
    code: str, message: str, action: str, value: float | None = None, threshold: float | None = None
) -> Finding:
    return Finding(
        code=code, severity="warning", message=message, action=action, value=value, threshold=threshold
    )


def _count(runs: Sequence[object]) -> str:
    return "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"


def _learning_rate(runs: Sequence[PlannedRun], spec: SweepSpec) -> list[Finding]:
    if spec.model.lr_transfers or spec.training.lr == "auto" or spec.training.lr_scaling is not None:
        return []
    is_default = spec.training.lr is None and spec.model.default_lr == ModelFamily.default_lr
    finding = Finding(
        code="one-learning-rate",
        severity="warning" if is_default else "info",
        message=f"Every size of {spec.model.label} trains at the learning rate {runs[0].lr:g}"
        f"{', the default, which nobody chose for it' if is_default else ''}; where the best rate depends on "
        "the size, N* is biased.",
        action="write training.lr: auto, which compares rates at several sizes; or use a parametrisation "
        "that transfers",
    )
    return [finding]


def _listed(budgets: Iterable[float]) -> str:
    return ", ".join(f"{budget:.3g}" for budget in budgets)
