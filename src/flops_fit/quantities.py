"""What the four quantities mean, in the vocabulary used by code, specs, tables and docs.

    name      symbol  meaning                                                        unit
    flops     C       training compute of one run, forward and backward, as counted   FLOPs
    n_params  N       parameters of the model, embeddings included                    parameters
    n_units   D       data units trained on (tokens, images or samples)               units
    loss      L       held-out loss after the run, mean over a fixed evaluation set   nats per unit

Counts are Python ints or float64, never int64 products: 6·N·D overflows int64 at frontier scale.
"""

import re
from dataclasses import dataclass

_SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}


def read_quantity(text: str) -> float:
    """Read a number that may end as the output writes it: 20K, 1.5M, 2B or 2G, 1T.

    Raises:
        ValueError: it is no number.
    """
    number, scale = re.fullmatch(r"(.*?)([KMGBT]?)", text.strip().upper(), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
    return float(number) * _SCALES[scale]


@dataclass(frozen=True, slots=True)
class Interval:
    """A range that holds the quantity with probability `level`."""

    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Allocation:
    """How one budget is split: a model of `n_params` trained on `n_units`."""

    n_params: float
    n_units: float
