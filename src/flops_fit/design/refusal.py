"""What the fit would refuse, known before a FLOP is spent."""

from collections.abc import Iterator, Sequence

from flops_fit.components import SurfaceForm
from flops_fit.config.spec import SweepSpec
from flops_fit.config.within_reach import FEWEST_RUNS, FEWEST_SIZES, LEAST_RANGE
from flops_fit.design.grid import Finding, PlannedRun


def too_little_to_fit(runs: Sequence[PlannedRun], spec: SweepSpec) -> tuple[Finding, ...]:
    """Return the finding that the fit would refuse `runs`, whatever their losses; nothing if it would not."""
    if isinstance(spec.fit, SurfaceForm) and not spec.fit.of_size:  # a curve is drawn through one size too
        return ()
    if not (lacks := list(_lacks(runs))):
        return ()
    finding = Finding(
        code="too-little-to-fit",
        severity="error",
        message=f"The fit would refuse these runs: {'; '.join(lacks)}.",
        action=_SPREAD
        * _is_narrow(runs)
        + "raise the budgets, or lower training.batch_size, until more sizes have design.min_steps "
        "steps; or raise design.window or design.sizes_per_budget; or list more sizes (in Python "
        "`model_sizes`)",
    )
    return (finding,)


_SPREAD = "spread the budgets over a factor of 10; then "


def _is_narrow(runs: Sequence[PlannedRun]) -> bool:
    budgets = [run.budget for run in runs]
    return max(budgets) / min(budgets) < LEAST_RANGE


def _lacks(runs: Sequence[PlannedRun]) -> Iterator[str]:
    if len(runs) < FEWEST_RUNS:
        yield f"{len(runs)} of at least {FEWEST_RUNS} runs"
    sizes = {run.size.n_params for run in runs}
    if len(sizes) < FEWEST_SIZES:
        yield f"{len(sizes)} of at least {FEWEST_SIZES} sizes"
    budgets = {run.budget for run in runs}
    for name, span in (("sizes", max(sizes) / min(sizes)), ("budgets", max(budgets) / min(budgets))):
        if span < LEAST_RANGE:
            yield f"{name} that span a factor of {span:.3g} instead of at least {LEAST_RANGE:g}"
