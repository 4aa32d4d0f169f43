"""What the parts of a spec share: they are frozen and closed, and how a validator says no."""

import re
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, ValidationInfo
from pydantic_core import PydanticCustomError

from flops_fit.config.flow import flow
from flops_fit.quantities import read_quantity

CLOSED = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""Configuration of a part of the spec: nothing edits it, and an unknown key is an error."""


def broken_rule(problem: str, *, fix: str, code: str) -> PydanticCustomError:
    """Return the error that a validator raises; `load_spec` turns it into a `flops_fit.errors.Problem`.

    Args:
        problem: What was found and what is allowed; `load_spec` adds the place.
        fix: What to write instead.
        code: Slug of the rule, an anchor in docs/reference/errors.md.
    """
    return PydanticCustomError(code, "{problem}", {"problem": problem, "fix": fix})


def in_figures(value: object) -> object:
    """Read a text such as 10B as the number that it is; anything else is returned as it is."""
    try:
        return read_quantity(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _counted(value: object, info: ValidationInfo) -> object:
    found = re.fullmatch(r"\s*([\d.]+\s*[KMGBT]?)(FLOPs?| *param\w*)\s*", str(value), re.IGNORECASE)
    if found and not isinstance(meant := in_figures(found[1]), str):
        raise broken_rule(
            f"found {value!r}; allowed: a number, without a unit",
            fix=f"write `{info.field_name}: {flow(meant)}`",
            code="value-not-allowed",
        )
    return in_figures(value)


Count = Annotated[float, BeforeValidator(_counted, json_schema_input_type=float | str)]
"""A number of FLOPs or parameters, which may be written as tables show it: 10B, 1.5M."""
