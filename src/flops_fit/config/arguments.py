"""Arguments of unknown names: refused like every other mistake, with the names that were meant."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from flops_fit.config.design import DesignSpec
from flops_fit.config.names import near_name, no_such_option
from flops_fit.config.pasteable import options_with
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
    "training": "train",
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
    **{name: f"design.{name}" for name in DesignSpec.model_fields},
    **{name: f"training.{name}" for name in TrainingSpec.model_fields},
    **_by_word(_OF_SWEEP),
}
"""Names that people give to the arguments of `find_optimal`, and what to write: `training.lr` is an entry."""
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
                    f"{function.__name__} takes no {_listed(unknown, 'or')}.",
                    fix=_fix(unknown, kwargs, allowed, meant),
                    code="unknown-argument",
                )
            return function(*args, **kwargs)

        return call

    return closed


def _fix(
    unknown: Sequence[str], given: Mapping[str, object], allowed: Collection[str], meant: Mapping[str, str]
) -> str:
    """Say for each name what to write; where one is like none, list what there is."""
    refused = {name: why for name in unknown if "training" in allowed and (why := no_such_option(name))}
    likely = {name: _near(name, allowed, meant) for name in unknown if name not in refused}
    arguments = dict.fromkeys(target.partition(".")[0] for target in likely.values() if target)
    told = [_use(argument, likely, given) for argument in arguments]
    others = [f"remove `{name}`" for name, target in likely.items() if not target]
    there_is = [f"the arguments are {', '.join(allowed)}"] if others else []
    return "; ".join([*told, *refused.values(), *others, *there_is])


def _near(name: str, allowed: Collection[str], meant: Mapping[str, str]) -> str:
    near = name if name in meant else near_name(name, [*allowed, *meant])
    return meant.get(near, near)


def _use(argument: str, likely: Mapping[str, str], given: Mapping[str, object]) -> str:
    """Say what to write for all names that mean `argument` or an entry of it, what was given included."""
    of_it = {name: target.partition(".") for name, target in likely.items()}
    names = [name for name, (section, _, _) in of_it.items() if section == argument]
    entries = {of_it[name][2]: given[name] for name in names if of_it[name][2]}
    written = f"{argument}={options_with(given.get(argument), entries)!r}" if entries else argument
    return f"use `{written}` for {_listed(names, 'and')}"


def _listed(names: Sequence[str], joint: str) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} {joint} {last}" if most else last
