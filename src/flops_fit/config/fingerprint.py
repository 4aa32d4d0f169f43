"""JSON values that stand for Python objects: equal when the objects behave alike, also in another process."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MAX_DEPTH = 6
"""Objects nested deeper are described by their type alone."""


def fingerprint(value: object, depth: int = 0) -> Any:
    """Describe `value` by its content and its code, never by its address in memory."""
    if value is None or isinstance(value, bool | int | float | str):
        return value if value == value else "nan"  # noqa: PLR0124 - JSON has no NaN
    if isinstance(value, type | FunctionType | MethodType):
        return {"name": _name(value), "source": _source(value)}
    return _name(type(value)) if depth > MAX_DEPTH else _content(value, depth + 1)


def _content(value: object, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(key): fingerprint(item, depth) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [fingerprint(item, depth) for item in sorted(value, key=repr)]
    if isinstance(value, list | tuple):
        return [fingerprint(item, depth) for item in value]
    return _object(value, depth)


def _object(value: object, depth: int) -> Any:
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, np.ndarray | np.generic):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "sha256": _sha256(value.tobytes())}
    if isinstance(value, partial):
        return [fingerprint(part, depth) for part in (value.func, value.args, value.keywords)]
    state = vars(value) if hasattr(value, "__dict__") else {}
    # Empty private attributes are machinery (hooks, caches) that differs between versions of torch.
    content = {k: fingerprint(v, depth) for k, v in state.items() if v or not k.startswith("_")}
    return {"class": fingerprint(type(value), depth), "state": content}


def _tensor(value: torch.Tensor) -> dict[str, Any]:
    import torch

    raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return {"dtype": str(value.dtype), "shape": list(value.shape), "sha256": _sha256(raw)}


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _source(value: Any) -> str:
    """Hash the source text; empty where Python keeps none, as for classes typed at a prompt."""
    try:
        return _sha256(inspect.getsource(value).encode())
    except (OSError, TypeError):
        return ""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
