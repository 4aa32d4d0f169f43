"""What the cells of a table of runs may hold, and what they mean."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from flops_fit.runs.metrics import metrics_of
from flops_fit.runs.record import Origin, RunRecord, Status

Stored = Literal["float", "int", "text", "metrics"]
"""How a field of `RunRecord` is stored in files that know types."""

_LARGEST_WHOLE = 2**63
_BLANK = frozenset({"", "nan", "none", "null", "na", "n/a"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of cell."""

    stored: Stored
    allowed: str
    is_valid: Callable[[str], bool]
    """Whether a cell that is not blank will do."""


def is_blank(cell: str) -> bool:
    """Say whether a cell that should hold a number says that there is none."""
    return cell.strip().lower() in _BLANK


def number(cell: str) -> float | None:
    """Return the finite number that a cell holds, None where it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def value_of(name: str, cell: str) -> float | str | Mapping[str, float] | None:
    """Return what a checked cell of one field means; None for a blank one that should hold a number."""
    match KINDS[name].stored:
        case "text":
            return cell
        case "int":
            return _whole(cell)
        case "float":
            return number(cell)
        case "metrics":
            return metrics_of(cell)


def _whole(cell: str) -> int | None:
    """Return a whole number exactly, also where a float could not hold it."""
    try:
        return int(cell)
    except ValueError:
        value = number(cell)
        return int(value) if value is not None and value.is_integer() else None


def _is_positive(cell: str) -> bool:
    return (number(cell) or 0.0) > 0


def _is_number(cell: str) -> bool:
    return number(cell) is not None


def _is_whole(cell: str) -> bool:
    value = _whole(cell)
    return value is not None and abs(value) < _LARGEST_WHOLE


_POSITIVE = Kind(stored="float", allowed="positive numbers", is_valid=_is_positive)
_NUMBER = Kind(stored="float", allowed="numbers", is_valid=_is_number)
_WHOLE = Kind(stored="int", allowed="whole numbers below 2^63", is_valid=_is_whole)
_TEXT = Kind(stored="text", allowed="text", is_valid=lambda _: True)
_METRICS = Kind(
    stored="metrics",
    allowed='JSON objects of numbers, e.g. {"accuracy": 0.5}',
    is_valid=lambda cell: metrics_of(cell) is not None,
)


def _by_type(hint: object) -> Kind:
    """Return the kind of a field by its annotation, e.g. `float | None`."""
    types = {hint, *get_args(hint)}
    return _NUMBER if float in types else _WHOLE if int in types else _TEXT


def _one_of(choices: tuple[str, ...]) -> Kind:
    return Kind(
        stored="text", allowed=f"one of {', '.join(choices)}", is_valid=lambda cell: cell.strip() in choices
    )


KINDS = {
    **{name: _by_type(hint) for name, hint in get_type_hints(RunRecord).items()},
    **dict.fromkeys(("budget", "n_params", "n_units", "flops", "flops_6nd", "loss"), _POSITIVE),
    "metrics": _METRICS,
    "status": _one_of(get_args(Status)),
    "origin": _one_of(get_args(Origin)),
}
"""Every field of `RunRecord`."""
