"""Failures that an author knows of and declares, each with its reason, in the plugin's pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

TABLE = "tool.flops-fit-conformance.known-failures"


class BadDeclaration(Exception):  # noqa: N818 - what is bad is the declaration
    """The table of known failures is not one, or names what is not checked."""


def read_known_failures(folder: Path) -> Mapping[str, str]:
    """Return the reason of each known failure, by its name as the suite prints it.

    Raises:
        BadDeclaration: an entry has no reason, or the table is none.
    """
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    tools = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    known = tools.get("flops-fit-conformance", {}).get("known-failures", {})
    if not isinstance(known, dict):
        raise BadDeclaration(f'{file}: [{TABLE}] must be a table of "check-subject" = "reason"')
    for name, reason in known.items():
        if not (isinstance(reason, str) and reason.strip()):
            raise BadDeclaration(f"{file}: [{TABLE}] {name!r} needs a reason, a sentence")
    return known


def refuse_stale(known: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse known failures that name no check of this run.

    Raises:
        BadDeclaration: one is not among `names`.
    """
    stale = [name for name in known if name not in names]
    if stale:
        raise BadDeclaration(
            f"[{TABLE}] names {', '.join(map(repr, stale))}, which nothing here is called; the names are "
            "those that the suite prints in brackets"
        )
