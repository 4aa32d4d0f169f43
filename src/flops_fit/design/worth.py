"""Plans that are not worth a FLOP are refused before anything is spent on them, with budgets that are."""

from flops_fit.config.probe import Probe, glimpse, probe
from flops_fit.config.spec import SweepSpec
from flops_fit.config.subject import Subject
from flops_fit.config.within_reach import HOPELESS_EPOCHS, how_to_reach
from flops_fit.design.grid import SweepPlan
from flops_fit.design.isoflop import plan_sweep
from flops_fit.errors import SpecError

_OF_BUDGETS = {"empty-budget", "too-little-to-fit", "many-epochs"}
"""What other budgets may mend: their actions tell of budgets first, and after "; or " of the rest."""


def probe_worth_training(spec: SweepSpec) -> Probe:
    """Try every part of a sweep; what is not worth training is refused, as soon as that is known.

    Raises:
        FlopsFitError: what `probe` and `check_worth_training` raise.
    """
    if early := glimpse(spec, epochs=HOPELESS_EPOCHS):
        check_worth_training(plan_sweep(spec, early), spec)
    probed = probe(spec)
    check_worth_training(plan_sweep(spec, probed), spec)
    return probed


def check_worth_training(plan: SweepPlan, spec: SweepSpec) -> None:
    """Refuse a plan with an error among its findings.

    Raises:
        SpecError: with the code of the first such finding.
    """
    if errors := [finding for finding in plan.findings if finding.severity == "error"]:
        first = errors[0]
        raise SpecError(
            f"This plan gives no answer to rely on: {' '.join(error.message for error in errors)}",
            fix=_budgets_within_reach(spec, first.action) if first.code in _OF_BUDGETS else first.action,
            code=first.code,
        )


def _budgets_within_reach(spec: SweepSpec, action: str) -> str:
    """Name budgets in figures where such are found, and then only the rest of what `action` advises."""
    advice = how_to_reach(Subject(spec))
    return f"{advice} (or {action.partition('; or ')[2]})" if advice else action
