"""What the parts of a spec share: they are frozen and closed, and how a validator says no."""

from pydantic import ConfigDict
from pydantic_core import PydanticCustomError

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
