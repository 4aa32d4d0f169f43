"""Arguments of unknown names: refused like every other mistake, with the names that were meant."""

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

from flops_fit.config.design import DesignSpec
from flops_fit.config.names import near_name, no_length_of_a_run
from flops_fit.config.training import TrainingSpec
from flops_fit.errors import FlopsFitError

P = ParamSpec("P")
R = TypeVar("R")

_OF_SWEEP = {
    "model_cls": "model model_class net network",
    "model_size_param": "size_param size_arg param",
    "model_sizes": "sizes values",
    "model_kwargs": "model_args kwargs fixed",
    "dataset": "data train_data train_dataset train_set trainset",
    "eval_dataset": "val valid validation test held_out val_set test_set val_data valid_data test_data"
    " eval_data validation_data val_dataset valid_dataset test_dataset validation_dataset",
    "loss_fn": "loss criterion objective",
    "compute_budgets": "budget budgets flop_budgets flops_budgets",
    "seeds": "seed n_seeds num_seeds",
    "fit": "form law",
    "output_dir": "out out_dir path directory",
    "training": "optimizer optimiser train",
}
_OF_RUNS = {
    "source": "data table df path runs records csv directory",
    "where": "filter query",
    "n_params": "n n_is",
    "flops": "c c_is compute",
    "form": "fit law",
    "out": "output output_dir out_dir",
}


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, listed in words.items() for word in listed.split()}


OF_SWEEP = {
    **{name: f"design={{{name!r}: ...}}" for name in DesignSpec.model_fields},
    **{name: f"training={{{name!r}: ...}}" for name in TrainingSpec.model_fields},
    **_by_word(_OF_SWEEP),
}
"""Names that people give to the arguments of `find_optimal`, and what to write."""
OF_RUNS = _by_word(_OF_RUNS)
"""Names that people give to the arguments of `fit_runs`, and what to write."""


def refusing_unknown(
    error: type[FlopsFitError], meant: Mapping[str, str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function raise `error` about arguments of unknown names, where Python raises a TypeError.

    Args:
        error: What to raise, `unknown-argument`.
        meant: Names that people use instead, and what to write for them.
    """

    def closed(function: Callable[P, R]) -> Callable[P, R]:
        allowed = inspect.signature(function).parameters

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if unknown := [name for name in kwargs if name not in allowed]:
                raise error(
                    f"{function.__name__} takes no {_listed(unknown)}.",
                    fix=_fix(unknown, allowed, meant),
                    code="unknown-argument",
                )
            return function(*args, **kwargs)

        return call

    return closed


def _fix(unknown: Collection[str], allowed: Collection[str], meant: Mapping[str, str]) -> str:
    """Say for each name what to write; where one is like none, list what there is."""
    told = [_instead(name, allowed, meant) for name in unknown]
    there_is = "" if all(told) else f"; the arguments are {', '.join(allowed)}"
    removed = (f"remove `{name}`" for name in unknown)
    return "; ".join(one or other for one, other in zip(told, removed, strict=True)) + there_is


def _instead(name: str, allowed: Collection[str], meant: Mapping[str, str]) -> str:
    if "training" in allowed and (why := no_length_of_a_run(name)):
        return why
    near = name if name in meant else near_name(name, [*allowed, *meant])
    return near and f"use `{meant.get(near, near)}` for `{name}`"


def _listed(names: Collection[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} or {last}" if most else last
