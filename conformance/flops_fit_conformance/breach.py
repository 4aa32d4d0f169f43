"""What a failed check says: what was found, what it should be, and which call produced it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

from flops_fit.errors import FlopsFitError

Subject = TypeVar("Subject")


class Breach(AssertionError):  # noqa: N818 - a failure of what is checked, no error of ours
    """A clause of the contract that a component does not keep."""

    def __init__(self, *, found: str, should: str, call: str) -> None:
        super().__init__(f"found {found}; should be {should}  [{call}]")
        self.found, self.should, self.call = found, should, call


def require(holds: bool, *, found: str, should: str, call: str) -> None:  # noqa: FBT001 - the point of it
    """Raise a Breach unless `holds`."""
    if not holds:
        raise Breach(found=found, should=should, call=call)


def require_by_probe(probe: Callable[[Subject], None], subject: Subject, *, should: str, call: str) -> None:
    """Run a probe of the core, which every sweep runs too, and turn what it finds into a Breach."""
    try:
        probe(subject)
    except FlopsFitError as error:
        raise Breach(found=_in_line(error.problem), should=should, call=call) from error


def verdict(check: Callable[[Subject], None], make: Callable[[], Subject]) -> Breach | None:
    """Return what `check` finds of what `make` makes, also where it raises; None where it finds nothing."""
    try:
        check(make())
    except Breach as breach:
        return breach
    except FlopsFitError as error:
        return _raised(error, _in_line(error.problem), check.__name__)
    except Exception as error:  # noqa: BLE001 - what is checked may raise anything
        return _raised(error, f"{type(error).__name__}: {_in_line(str(error))}", check.__name__)
    return None


def _raised(error: Exception, told: str, check: str) -> Breach:
    cause = error.__cause__ if isinstance(error, FlopsFitError) and error.__cause__ else error
    frames = traceback.extract_tb(cause.__traceback__)
    at = f" (raised at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    breach = Breach(found=told + at, should="what the clause promises, without an exception", call=check)
    breach.__cause__ = error
    return breach


def _in_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".;")
