"""A directory may have held a law of other runs: it must not answer for those that come now, nor be lost."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flops_fit.config import MadeFrom
from flops_fit.fit import ScalingLaw
from flops_fit.result.scaling import LAW_FILE, PLOT_FILE, REPORT_FILE

FOLDER = "earlier"
_SHOWN = (LAW_FILE, REPORT_FILE, Path(PLOT_FILE).parts[0])
"""A law and what shows it."""
_SUBJECT = ("model", "model_options", "data", "data_options", "loss", "flop_counter", "training", "lr")
"""What makes runs comparable. More budgets or seeds make the same sweep longer."""
_WORDS = {
    "model_options": "model",
    "data_options": "data",
    "flop_counter": "FLOP counter",
    "lr": "learning rate",
}
"""What users call these; the others by their names."""
_log = logging.getLogger(__name__)


def set_aside(out: Path, origin: MadeFrom) -> None:
    """Move the law of another sweep, and what shows it, into a numbered folder of `earlier`.

    Args:
        out: Directory of a sweep.
        origin: What the runs that come now are made from.
    """
    stored = _held(out).get("made_from")
    ours = json.loads(json.dumps({name: getattr(origin, name) for name in _SUBJECT}))
    if not isinstance(stored, dict) or not (other := list(_differing(stored, ours))):
        return
    _log.warning(
        "%s held the law of another sweep, %s on %s, which differs in: %s; it is in %s now. Its runs are "
        "kept: they come back with its spec.",
        out,
        stored.get("model"),
        stored.get("data"),
        ", ".join(other),
        _moved(out),
    )


def set_aside_unrelated(out: Path, law: ScalingLaw) -> None:
    """Move a law that has no run in common with `law`, and what shows it, into a folder of `earlier`.

    A law of some of the same runs is the same one fitted again: with more runs, or with other options.
    """
    before = _runs(_held(out))
    if before and not before & _runs(json.loads(law.to_json())):
        _log.warning("%s held the law of other runs; it is in %s now.", out, _moved(out))


def _differing(stored: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Name what differs; of options and settings, which of them, in brackets."""
    for name in _SUBJECT:
        before, now = stored.get(name), ours[name]
        if before != now:
            which = _keys(before, now) if isinstance(before, dict) and isinstance(now, dict) else []
            yield _WORDS.get(name, name) + (f" ({', '.join(which)})" if which else "")


def _keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the options that differ; of a dataset of which a few rows are kept, these where only they do."""
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [f"rows of {key}" if _only_rows(before.get(key), now.get(key)) else key for key in changed]


def _only_rows(before: object, now: object) -> bool:
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return False
    return {key for key in {**before, **now} if before.get(key) != now.get(key)} == {"rows"}


def _held(out: Path) -> dict[str, Any]:
    """Return the law of a directory as it is stored; nothing where there is none that `load` would read."""
    try:
        stored = json.loads((out / LAW_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _runs(law: dict[str, Any]) -> set[tuple[float, ...]]:
    """Return N, D and loss of every run of a stored law."""
    points = law.get("points")
    if not isinstance(points, dict):
        return set()
    return set(zip(*(points.get(name, ()) for name in ("n_params", "n_units", "loss")), strict=False))


def _moved(out: Path) -> Path:
    """Move a law and what shows it into the first numbered folder that is free, and return that."""
    folder = next(f for i in range(1, 10**6) if not (f := out / FOLDER / str(i)).exists())
    folder.mkdir(parents=True)
    for path in (out / name for name in _SHOWN):
        if path.exists():
            path.rename(folder / path.name)
    return folder
