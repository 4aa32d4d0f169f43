"""How a validator says no: what was found, what is allowed, the fix and a code."""

from pydantic_core import PydanticCustomError


def broken_rule(problem: str, *, fix: str, code: str) -> PydanticCustomError:
    """Return the error that a validator raises; `load_spec` turns it into a `flops_fit.errors.Problem`.

    Args:
        problem: What was found and what is allowed; `load_spec` adds the place.
        fix: What to write instead.
        code: Slug of the rule, an anchor in docs/reference/errors.md.
    """
    return PydanticCustomError(code, "{problem}", {"problem": problem, "fix": fix})
