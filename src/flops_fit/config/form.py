"""A fit form that is named outside of a spec: on the command line or in a call."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from flops_fit.components import FitForm
from flops_fit.config.from_registry import FromRegistry
from flops_fit.config.problems import find_problems
from flops_fit.config.written import Written, read_value
from flops_fit.errors import Problem, SpecError, argument, text_argument

_FIT = re.compile(r"`fit: ([^`]+)`")


class _Named(BaseModel):
    """The field `fit` of a spec by itself."""

    model_config = ConfigDict(frozen=True)

    fit: Annotated[FitForm, FromRegistry("fit")]


def read_form(form: FitForm | Mapping[str, Any] | str) -> FitForm:
    """Return the installed fit form that is meant by 'ces', '{kind: ces}' in YAML, or the same as a mapping.

    Raises:
        SpecError: it is no form, or none that is installed, or its options break rules; all at once.
    """
    try:
        values = {"fit": read_value(form) if isinstance(form, str) else form}
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(
            f"form: {form!r} is not a YAML value",
            fix="write a name, e.g. chinchilla, or {kind: NAME, ...}",
            code="broken-syntax",
        ) from error
    try:
        return _Named.model_validate(values).fit
    except ValidationError as error:
        problems = find_problems(error, Written(values=values))
        raise SpecError.of([_of_form(problem) for problem in problems], source="the form") from None


def _of_form(problem: Problem) -> Problem:
    """Say `--form '{kind: ces}'`, or the same as an argument, instead of `fit: {kind: ces}`."""
    fix = _FIT.sub(lambda found: text_argument("form", found[1]), problem.fix)
    if problem.code == "unknown-component" and not fix.startswith("use '"):  # none is spelt like it
        fix += f"; without {argument('form')} all that suit the runs are compared"
    return replace(problem, where=f"form{problem.where.removeprefix('fit')}", fix=fix)
