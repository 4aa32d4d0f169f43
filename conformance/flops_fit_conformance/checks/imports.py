"""Clauses about what importing a plugin does to the process; observed in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from flops_fit_conformance.breach import Breach, require
from flops_fit_conformance.subjects import Plugin

ENVIRONMENT = dict(os.environ)
"""As it was before any plugin was loaded here: a fresh process must not inherit what one has set."""


def check_import_needs_no_torch(plugin: Plugin) -> None:
    """Listing components, reading a spec and choosing sizes import no torch: it costs seconds each time.

    Held to: the plugin's import, its hooks, options and examples, and every family's ladder.
    """
    report = _observed(plugin.name)
    require(
        not report.torch_by,
        found=f"torch imported during {report.torch_during}, by {report.torch_by}",
        should="imported inside the methods that compute",
        call=report.torch_during,
    )


def check_import_changes_nothing(plugin: Plugin) -> None:
    """Importing a plugin, and asking for its components, changes nothing that belongs to the process.

    Held to: working directory, environment, warning filters, random state, import path, locale, logging.
    """
    report = _observed(plugin.name)
    by_torch = f" (torch, imported by {report.torch_by}, changes some itself)" if report.torch_by else ""
    require(
        not report.changed,
        found=f"{', '.join(report.changed)} changed{by_torch}",
        should="as they were",
        call=f"importing plugin {plugin.name!r} and listing what it offers",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a fresh process saw of one plugin."""

    torch_by: str
    torch_during: str
    changed: tuple[str, ...]


@cache
def _observed(name: str) -> Observed:
    command = [sys.executable, "-m", "flops_fit_conformance.fresh_process", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)  # noqa: S603
    if done.returncode:
        raise Breach(
            found=(done.stderr.strip().splitlines() or ["nothing said"])[-1],
            should="a plugin that can be imported",
            call=f"importing plugin {name!r} in a fresh process",
        )
    report = json.loads(done.stdout.splitlines()[-1])
    return Observed(
        torch_by=report["torch_by"], torch_during=report["torch_during"], changed=tuple(report["changed"])
    )
