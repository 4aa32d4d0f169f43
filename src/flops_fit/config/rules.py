"""How a validator says no: what was found, what is allowed, the fix and a code."""

from pydantic_core import PydanticCustomError


def broken_rule(code: str, problem: str, fix: str) -> PydanticCustomError:
    """Return the error that a validator raises; `load_spec` turns it into a `flops_fit.errors.Problem`.

    Args:
        code: Slug of the rule, an anchor in docs/reference/errors.md.
        problem: What was found and what is allowed; the place is added by `load_spec`.
        fix: What to write instead.
    """
    return PydanticCustomError(code, "{problem}", {"problem": problem, "fix": fix})
