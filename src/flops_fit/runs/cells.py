"""What the cells of a table of runs may hold."""

import math
from collections.abc import Callable
from typing import NamedTuple, get_args

from flops_fit.runs.record import Origin, Status


class Kind(NamedTuple):
    """One kind of cell."""

    allowed: str
    is_valid: Callable[[str], bool]
    """Whether a cell that is not blank will do."""


def number(cell: str) -> float | None:
    """Return the finite number that a cell holds, None where it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_positive(cell: str) -> bool:
    return (number(cell) or 0.0) > 0


def _is_whole(cell: str) -> bool:
    return (number(cell) or 0.0).is_integer() and number(cell) is not None


_POSITIVE = Kind("positive numbers", _is_positive)
_NUMBER = Kind("numbers", lambda cell: number(cell) is not None)
_WHOLE = Kind("whole numbers", _is_whole)
_STATUS = Kind(f"one of {', '.join(get_args(Status))}", lambda cell: cell in get_args(Status))
_ORIGIN = Kind(f"one of {', '.join(get_args(Origin))}", lambda cell: cell in get_args(Origin))

KINDS = {
    **dict.fromkeys(("budget", "n_params", "n_units", "flops", "flops_6nd", "loss"), _POSITIVE),
    **dict.fromkeys(("n_params_nonembedding", "wall_s", "n_units_planned", "lr"), _NUMBER),
    **dict.fromkeys(("seed", "n_steps", "batch_size"), _WHOLE),
    "status": _STATUS,
    "origin": _ORIGIN,
}
"""Fields of `RunRecord` whose cells are checked; the others hold any text."""
