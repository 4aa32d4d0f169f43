"""What the cells of a table of runs may hold, and what they mean."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from flops_fit.quantities import read_quantity
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
    read: Callable[[str], float | str | Mapping[str, float] | None]
    """What a cell means; None where it holds nothing of this kind."""
    is_valid: Callable[[str], bool]
    """Whether a cell that is not blank will do."""


def is_blank(cell: str) -> bool:
    """Say whether a cell that should hold a number says that there is none."""
    return cell.strip().lower() in _BLANK


def number(cell: str) -> float | None:
    """Return the finite number that a cell holds, None where it holds none."""
    return _finite(float, cell)


def times(cell: str, factor: float) -> str:
    """Multiply a cell that holds a number; any other stays as it is."""
    value = number(cell)
    return cell if factor == 1.0 or value is None else repr(value * factor)


def is_infinite(cell: str) -> bool:
    """Say whether a cell holds what became of a number that grew beyond all bounds."""
    try:
        return math.isinf(float(cell))
    except ValueError:
        return False


def number_in(name: str, cell: str) -> float | None:
    """Return the finite number that a cell of one of our fields holds; counts may end like 1.5B."""
    value = KINDS[name].read(cell)
    return float(value) if isinstance(value, int | float) else None


def value_of(name: str, cell: str) -> float | str | Mapping[str, float] | None:
    """Return what a checked cell of one field means; None for a blank one that should hold a number."""
    return KINDS[name].read(cell)


def _count(cell: str) -> float | None:
    """Return a finite number that may end as ours do on paper: 350k, 6.8B, 1.2T."""
    return _finite(read_quantity, cell)


def _finite(read: Callable[[str], float], cell: str) -> float | None:
    try:
        value = read(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(cell: str) -> int | None:
    """Return a whole number exactly, also where a float could not hold it."""
    try:
        return int(cell)
    except ValueError:
        value = number(cell)
        return int(value) if value is not None and value.is_integer() else None


def _is_whole(cell: str) -> bool:
    value = _whole(cell)
    return value is not None and abs(value) < _LARGEST_WHOLE


def _numbers(read: Callable[[str], float | None]) -> Kind:
    return Kind(stored="float", allowed="numbers", read=read, is_valid=lambda cell: read(cell) is not None)


def _positive(read: Callable[[str], float | None]) -> Kind:
    return Kind(
        stored="float", allowed="positive numbers", read=read, is_valid=lambda cell: (read(cell) or 0.0) > 0
    )


_WHOLE = Kind(stored="int", allowed="whole numbers below 2^63", read=_whole, is_valid=_is_whole)
_TEXT = Kind(stored="text", allowed="text", read=str, is_valid=lambda _: True)
_METRICS = Kind(
    stored="metrics",
    allowed='JSON objects of numbers, e.g. {"accuracy": 0.5}',
    read=metrics_of,
    is_valid=lambda cell: metrics_of(cell) is not None,
)


def _by_type(hint: object) -> Kind:
    """Return the kind of a field by its annotation, e.g. `float | None`."""
    types = {hint, *get_args(hint)}
    return _numbers(number) if float in types else _WHOLE if int in types else _TEXT


def _one_of(choices: tuple[str, ...]) -> Kind:
    return Kind(
        stored="text",
        allowed=f"one of {', '.join(choices)}",
        read=lambda cell: "" if is_blank(cell) else cell.strip(),
        is_valid=lambda cell: cell.strip() in choices,
    )


KINDS = {
    **{name: _by_type(hint) for name, hint in get_type_hints(RunRecord).items()},
    **dict.fromkeys(("budget", "n_params", "n_units", "flops", "flops_6nd"), _positive(_count)),
    "n_params_nonembedding": _numbers(_count),
    "loss": _positive(number),
    "metrics": _METRICS,
    "status": _one_of(get_args(Status)),
    "origin": _one_of(get_args(Origin)),
}
"""Every field of `RunRecord`."""
