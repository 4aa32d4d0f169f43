"""Spec files as their authors wrote them: values, and the line on which each stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flops_fit.errors import SpecError, near_file

Place = tuple[str | int, ...]
"""Where a value stands, e.g. ("model", "depth") or ("budgets", 3)."""

EXAMPLE = "flops-fit init --out new.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A spec before validation."""

    values: Mapping[str, Any]
    name: str = ""
    """File that it was read from; empty for Python values."""
    lines: Mapping[Place, int] = field(default_factory=dict)
    overrides: Mapping[Place, str] = field(default_factory=dict)
    """What was set on top of the file, e.g. 'model.depth=3', by place."""

    def where(self, place: Place) -> str:
        """Say where `place` is, e.g. 'sweep.yaml:12: model.depth'."""
        override = next((self.overrides[p] for p in _prefixes(place) if p in self.overrides), None)
        line = f":{self.line(place)}" if self.line(place) else ""
        origin = f"--set {override}" if override else f"{self.name}{line}" if self.name else ""
        return ": ".join(part for part in (origin, dotted(place)) if part)

    def line(self, place: Place) -> int:
        """Return the line of `place`, or of what encloses it; 0 when unknown."""
        return next((self.lines[p] for p in _prefixes(place) if p in self.lines), 0)


def _prefixes(place: Place) -> list[Place]:
    return [place[:length] for length in range(len(place), 0, -1)]


def dotted(place: Place) -> str:
    """Write a place as an override path, e.g. 'budgets.3'."""
    return ".".join(map(str, place))


def read_spec_file(path: Path) -> Written:
    """Read a YAML, TOML or JSON file.

    Raises:
        SpecError: `no-such-spec`, `unreadable-spec`, `unknown-format`, `broken-syntax`, `repeated-key`,
            `not-a-mapping`.
    """
    text = _text(path)
    if path.suffix.lower() not in _PARSERS:
        raise SpecError(
            f"{path}: {path.suffix or 'no suffix'!r} is no format of a spec; formats: {', '.join(_PARSERS)}",
            fix=f"rename the file, or write a spec to start from with `{EXAMPLE}`",
            code="unknown-format",
        )
    written = _PARSERS[path.suffix.lower()](text, str(path))
    if not isinstance(written.values, Mapping):
        found = "nothing" if written.values is None else f"a value of type {type(written.values).__name__}"
        raise SpecError(
            f"{path}: holds {found}; a spec is a mapping with at least `model`, `data` and `budgets`",
            fix=f"write a spec to start from with `{EXAMPLE}`",
            code="not-a-mapping",
        )
    return written


def read_value(text: str) -> Any:
    """Parse one YAML value; raises `yaml.YAMLError` or ValueError."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = near_file(path)
        raise SpecError(
            f"{path}: no such file",
            fix=f"use {near}" if near else f"write a spec to start from with `{EXAMPLE}`",
            code="no-such-spec",
        ) from None  # the message says it all
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{str(path)[:200]}: cannot be read: {getattr(error, 'strerror', None) or error}",
            fix="name a text file in UTF-8, e.g. sweep.yaml",
            code="unreadable-spec",
        ) from None


class _Loader(yaml.SafeLoader):
    """YAML as PyYAML reads it, except that 1e10 is a number, as in YAML 1.2, and not text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _from_yaml(text: str, name: str) -> Written:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values: Any = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        is_tab = "character '\\t'" in str(error.problem)
        fix = f"replace the tab in line {line} by spaces" if is_tab else ""
        raise _broken(name, "YAML", str(error.problem), line, fix) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _broken(name, "YAML", str(error), None) from None
    return Written(values=values, name=name, lines=_lines(node, name) if node else {})


def _lines(root: yaml.Node, name: str) -> dict[Place, int]:
    # Each node once: an alias may point at its own parent.
    lines: dict[Place, int] = {}
    seen: set[int] = set()
    waiting: list[tuple[Place, yaml.Node]] = [((), root)]
    while waiting:
        place, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for key, child, line in _children(node):
            if (*place, key) in lines:
                raise _repeated(name, (*place, key), (lines[*place, key], line))
            lines[*place, key] = line
            waiting.append(((*place, key), child))
    return lines


def _children(node: yaml.Node) -> list[tuple[str | int, yaml.Node, int]]:
    if isinstance(node, yaml.MappingNode):
        return [(str(key.value), child, key.start_mark.line + 1) for key, child in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(index, child, child.start_mark.line + 1) for index, child in enumerate(node.value)]
    return []


def _repeated(name: str, place: Place, lines: tuple[int, int]) -> SpecError:
    return SpecError(
        f"{name}: `{dotted(place)}` is written twice, on lines {lines[0]} and {lines[1]}",
        fix="keep one of them",
        code="repeated-key",
    )


def _from_toml(text: str, name: str) -> Written:
    try:
        return Written(values=tomllib.loads(text), name=name)
    except (ValueError, RecursionError) as error:
        raise _broken(name, "TOML", str(error), None) from None


def _from_json(text: str, name: str) -> Written:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(name, "JSON", error.msg, error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise _broken(name, "JSON", str(error), None) from None
    # The spec.json of a sweep holds its spec beside the versions it ran with.
    return Written(values=values["spec"] if _is_provenance(values) else values, name=name)


def _is_provenance(values: object) -> bool:
    return isinstance(values, dict) and {"spec", "versions"} <= values.keys()


def _broken(name: str, language: str, reason: str, line: int | None, fix: str = "") -> SpecError:
    return SpecError(
        f"{name}{f':{line}' if line else ''}: not readable as {language}: {reason}",
        fix=fix or f"correct the syntax there, or write a spec to start from with `{EXAMPLE}`",
        code="broken-syntax",
    )


_PARSERS: dict[str, Callable[[str, str], Written]] = {
    ".yaml": _from_yaml,
    ".yml": _from_yaml,
    ".toml": _from_toml,
    ".json": _from_json,
}
