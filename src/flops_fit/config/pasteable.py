"""Fixes as Python users paste them: what a spec writes as `seeds: [0, 1]` is `seeds=[0, 1]` in a call."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel
from yaml import YAMLError

from flops_fit.config.flow import flow
from flops_fit.config.spec import BudgetRange
from flops_fit.config.written import read_value
from flops_fit.errors import FitError, FlopsFitError, Problem, SpecError, by_interface

_ARGUMENTS = {"budgets": "compute_budgets"}
"""Fields of a spec whose argument has another name."""
_GIVEN = {"budgets", "seeds", "design", "training", "flops", "fit", "output_dir", "allow_thin_sweep"}
"""Fields of a spec that are arguments too; the others are described by objects."""
_FIELD = re.compile(r"`([\w.]+): ([^`]+)`")
_GIVEN_NOW: ContextVar[Mapping[str, object] | None] = ContextVar(
    "arguments, where these are meant", default=None
)
_FORM = re.compile(r'--form \w+|form="\w+"')


@contextmanager
def told_in_python(arguments: Mapping[str, object] | None) -> Iterator[None]:
    """Let errors in the block that were worded for commands speak to somebody who wrote Python.

    Args:
        arguments: What was given as arguments, so that fields of a spec mean nothing; None where a spec was.

    Raises:
        FlopsFitError: the same object that the block raised, so that nothing is shown twice.
    """
    before = _GIVEN_NOW.set(arguments)
    try:
        yield
    except FlopsFitError as error:
        if arguments is None:
            raise
        error.fix = _in_python("", error.fix)
        if isinstance(error, SpecError) and error.problems:
            error.problems = tuple(map(_in_arguments, error.problems))
            error.problem = error.problem.replace("in the spec", "in the arguments")
            error.fix = error.problems[0].fix
        raise
    finally:
        _GIVEN_NOW.reset(before)


def as_meant(advice: str) -> str:
    """Spell the fields in an advice as arguments where these were given, inside of `told_in_python`."""
    return advice if _GIVEN_NOW.get() is None else _in_python("", advice)


@contextmanager
def fitted_again_from(out: Path) -> Iterator[None]:
    """Let fixes of the block that name another form fit the runs kept in `out` by it: no sweep takes a form.

    Raises:
        FitError: the same object that the block raised.
    """
    try:
        yield
    except FitError as error:
        call = by_interface(
            command=f"flops-fit fit {shlex.quote(str(out))} FORM",
            python=f"flops_fit.fit_runs({json.dumps(str(out))}, FORM)",
        )
        before, _, after = call.rpartition("FORM")
        # A function, because a path with backslashes is no template of `re`.
        error.fix = _FORM.sub(lambda form: f"{before}{form[0]}{after}", error.fix)
        raise


def _in_arguments(problem: Problem) -> Problem:
    field, dot, rest = problem.where.partition(".")
    where = f"{_ARGUMENTS.get(field, field)}{dot}{rest}"
    return replace(problem, where=where, fix=_in_python(problem.where.rpartition(".")[0], problem.fix))


def _in_python(section: str, fix: str) -> str:
    """Spell the fields that a fix names as arguments; `section` encloses those without a path."""
    spelt = _FIELD.sub(lambda found: _argument(section, *found.groups()), fix)
    return spelt.replace("`budgets`", "`compute_budgets`")


def _argument(section: str, field: str, value: str) -> str:
    """Spell a field as an argument; what is no argument, or no value of Python, stays as it is."""
    *outer, name = (section.split(".") if section not in ("", field) else []) + field.split(".")
    top, *inner = [*outer, name]
    with suppress(ValueError, YAMLError):
        written = read_value(value)
        if top == "budgets" and isinstance(written, dict):  # a spec's range of budgets is no argument
            written = [float(f"{budget:.3g}") for budget in BudgetRange.model_validate(written).budgets()]
        for part in reversed(inner):
            written = {part: written}
        if inner:
            written = options_with((_GIVEN_NOW.get() or {}).get(top), written)
        if top in _GIVEN:
            return f"`{_ARGUMENTS.get(top, top)}={_spelt(written)}`"
    return f"`{field}: {value}`"


def options_with(given: object, more: Mapping[str, object]) -> dict[str, object]:
    """Return the options that were given with some more or other ones: who pastes them loses none."""
    options = given.model_dump(exclude_unset=True) if isinstance(given, BaseModel) else given
    return {**(options if isinstance(options, Mapping) else {}), **more}


def _spelt(value: object) -> str:
    """Write a value as Python, its numbers as a person would."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_spelt(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_spelt, value))}]"
    return flow(value) if isinstance(value, float) else repr(value)
