"""Arrays that survive a trip through JSON unchanged."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator


def _from_json(values: object) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _to_json(values: NDArray[np.float64]) -> Sequence[object]:
    boxed = values.astype(object)
    boxed[np.isnan(values)] = None
    nested: list[object] = boxed.tolist()
    return nested


Rows = NDArray[np.intp]
"""Which runs of a table, shape (n_rows,)."""

Floats = Annotated[NDArray[np.float64], PlainValidator(_from_json), PlainSerializer(_to_json)]
"""float64 always: integer products such as 6·N·D overflow at frontier scale."""


def _ints_from_json(values: object) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _ints_to_json(values: NDArray[np.int64]) -> list[int]:
    nested: list[int] = values.tolist()
    return nested


Ints = Annotated[NDArray[np.int64], PlainValidator(_ints_from_json), PlainSerializer(_ints_to_json)]
"""int64: labels and seeds, never counts that are multiplied."""
