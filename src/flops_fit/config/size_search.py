"""Finding the sizes of a class that takes one integer, by trying integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

SMALL = 64
"""Every integer up to this is tried, which shows what the class divides its size by."""
COARSE = range(SMALL, 33 * SMALL, SMALL)
"""Tried where no small integer works, e.g. in a class with 128 heads."""
GROWTH = 1.06
"""Ratio of one integer tried to the next; parameters grow like its square for a width."""
STEP = 2 ** (1 / 3)
"""Least ratio of parameters between neighbours of a ladder."""
MOST_TRIES = 400
MOST_REFUSALS = 60
"""In a row, after which a class is taken to accept no larger integer: a width of 2^n soon fits nowhere."""


def search_sizes(count: Callable[[int], int], n_min: float, n_max: float) -> list[int]:
    """Return integers whose parameter counts climb from `n_min` to `n_max` in steps of about 1.26 to 1.5.

    Args:
        count: Parameters of the model of one size; 0 where the class refuses the integer.
        n_min: Fewest parameters.
        n_max: Most parameters.
    """
    sizes: list[int] = []
    for value in _candidates(count, n_max):
        if n_min <= count(value) <= n_max and (not sizes or count(value) >= STEP * count(sizes[-1])):
            sizes.append(value)
    return sizes


def _candidates(count: Callable[[int], int], n_max: float) -> Iterator[int]:
    """Yield accepted integers in ascending order, until their models exceed `n_max`."""
    accepted = [value for value in range(1, SMALL + 1) if count(value)]
    accepted = accepted or [value for value in COARSE if count(value)]
    yield from accepted
    if not accepted or not _grows(count, accepted):
        return
    divisor, value, refused = math.gcd(*accepted), accepted[-1], 0
    for _ in range(MOST_TRIES):
        if count(value) > n_max or refused == MOST_REFUSALS:
            return
        value = max(value + divisor, round(value * GROWTH / divisor) * divisor)
        refused = 0 if count(value) else refused + 1
        if 0 < count(value) <= n_max:
            yield value


def _grows(count: Callable[[int], int], accepted: list[int]) -> bool:
    return len(accepted) == 1 or count(accepted[-1]) > count(accepted[0])
