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
