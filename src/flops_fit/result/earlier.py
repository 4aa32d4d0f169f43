"""A directory may have held another sweep: its law must not answer for the one that comes now."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from flops_fit.config import MadeFrom
from flops_fit.result.scaling import LAW_FILE

FOLDER = "earlier"
_SUBJECT = ("model", "model_options", "data", "data_options", "loss", "flop_counter", "training", "lr")
"""What makes runs comparable. More budgets or seeds make the same sweep longer."""


def set_aside(out: Path, origin: MadeFrom, beside: tuple[str, ...]) -> None:
    """Move a law of other runs, and what shows it, into a numbered folder of `earlier`.

    Args:
        out: Directory of a sweep.
        origin: What the runs that come now are made from.
        beside: Names in `out` of what shows the law: report, plots.
    """
    law = out / LAW_FILE
    try:
        stored = json.loads(law.read_text(encoding="utf-8"))["made_from"]
    except (OSError, ValueError, LookupError, TypeError):  # none, or none that `load` would read
        return
    ours = json.loads(json.dumps({name: getattr(origin, name) for name in _SUBJECT}))
    if stored is None or all(stored.get(name) == ours[name] for name in _SUBJECT):
        return
    folder = _next(out / FOLDER)
    for path in (out / name for name in (LAW_FILE, *beside)):
        if path.exists():
            path.rename(folder / path.name)
    logging.getLogger(__name__).warning(
        "%s held the law of another sweep, %s on %s; it is in %s now. Its runs are kept: they come back with "
        "its spec.",
        out,
        stored.get("model"),
        stored.get("data"),
        folder,
    )


def _next(parent: Path) -> Path:
    """Make the first numbered folder that is free."""
    folder = next(f for i in range(1, 10**6) if not (f := parent / str(i)).exists())
    folder.mkdir(parents=True)
    return folder
