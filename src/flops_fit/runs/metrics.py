"""Metrics of a run as one cell: a JSON object of numbers, empty where there are none."""

import json
import math
from collections.abc import Mapping


def metrics_as_text(metrics: Mapping[str, float]) -> str:
    """Write metrics, e.g. as {"accuracy": 0.5}."""
    return json.dumps(dict(metrics)) if metrics else ""


def metrics_of(text: str) -> dict[str, float] | None:
    """Read what `metrics_as_text` wrote; None where it is something else."""
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(map(_is_finite, found.values())):
        return None
    return {name: float(value) for name, value in found.items()}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
