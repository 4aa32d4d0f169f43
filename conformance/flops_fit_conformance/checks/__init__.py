"""Every check, by what it is about: each states one clause of the contract in its docstring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from flops_fit_conformance.checks import (
    component,
    curve,
    data,
    estimator,
    evaluation_data,
    flops,
    form,
    imports,
    ladder,
    loss,
    model,
    optimum,
    outputs,
    plugin,
    processes,
    recovery,
    reported_loss,
)

Check = Callable[[Any], None]


def _in(*modules: ModuleType) -> tuple[Check, ...]:
    """Return the functions named check_* that the modules define, in the order of their lines."""
    return tuple(
        value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("check_") and getattr(value, "__module__", "") == module.__name__
    )


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "plugin": _in(plugin, imports),
    "component": _in(component),
    "model": _in(ladder, model, outputs, processes),
    "data": _in(data, evaluation_data),
    "loss": _in(loss, reported_loss),
    "flops": _in(flops),
    "surface": _in(form, optimum, recovery),
    "curve": _in(form, curve),
    "estimator": _in(estimator),
}
"""What each group of subjects is held to; `subjects.Case.group` names one."""

ABOUT: Mapping[str, str] = {
    "plugin": "A plugin as a whole",
    "component": "Every component, as a configuration",
    "model": "Each example of a model family",
    "data": "Each example of a data source",
    "loss": "Each example of a loss",
    "flops": "Each example of a FLOP counter",
    "surface": "Each example of a fit form that is a surface L(N, D)",
    "curve": "Each example of a fit form that is a curve, without N",
    "estimator": "Each example of an estimator",
}


def describe_checks() -> str:
    """Return every clause under the heading of what it is about, as Markdown."""
    return "\n\n".join(
        "\n".join([f"### {ABOUT[group]}", "", *(f"* `{c.__name__}`: {_clause(c)}" for c in checks)])
        for group, checks in CHECKS.items()
    )


def _clause(check: Check) -> str:
    return (check.__doc__ or "").partition("\n")[0]
