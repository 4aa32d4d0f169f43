"""File, mapping or SweepSpec in, checked SweepSpec out; every problem of a spec in one error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from flops_fit.config.problems import find_problems
from flops_fit.config.spec import SweepSpec
from flops_fit.config.written import Place, Written, read_spec_file, read_value
from flops_fit.errors import SpecError


def load_spec(
    source: str | Path | Mapping[str, Any] | SweepSpec, *, overrides: Sequence[str] = ()
) -> SweepSpec:
    """Read and check a sweep spec; trains, probes and downloads nothing.

    Args:
        source: YAML, TOML or JSON file, or the same as a mapping, or a spec. Relative paths inside a file
            are relative to the working directory.
        overrides: Changes on top, each `path.to.field=value` with a YAML value, e.g. 'training.lr=0.01'.

    Raises:
        SpecError: The file cannot be read (one code per reason, see `read_spec_file`), an override is
            malformed (`bad-override`), or the spec breaks rules: then `problems` lists all of them.
        PluginError: `plugin-raised` when a component crashes on its options.
    """
    if isinstance(source, SweepSpec) and not overrides:
        return source
    written = _written(source)
    for override in overrides:
        written = _override(written, override)
    try:
        return SweepSpec.model_validate(written.values)
    except ValidationError as error:
        raise SpecError.of(find_problems(error, written), source=written.name or "the spec") from None


def _written(source: str | Path | Mapping[str, Any] | SweepSpec) -> Written:
    if isinstance(source, str | Path):
        return read_spec_file(Path(source))
    if isinstance(source, SweepSpec | Mapping):
        return Written(values=dict(source))
    raise SpecError(
        f"found a value of type {type(source).__name__}; allowed: a path, a mapping or a SweepSpec",
        fix='pass e.g. "sweep.yaml", or {"model": ..., "data": ..., "budgets": [...]}',
        code="not-a-mapping",
    )


def _override(written: Written, override: str) -> Written:
    name, equals, text = override.partition("=")
    place: Place = tuple(name.strip().split("."))
    if not equals or not all(place):
        raise _bad_override(override, "it is not PATH=VALUE")
    try:
        value = read_value(text)
    except (yaml.YAMLError, ValueError):
        raise _bad_override(override, f"{text!r} is not a YAML value") from None
    values = _with(dict(written.values), place, value, override)
    return replace(written, values=values, overrides={**written.overrides, place: override})


def _with(options: dict[str, Any], place: Place, value: Any, override: str) -> dict[str, Any]:
    key, *rest = map(str, place)
    if rest:
        inner = options.get(key, _default_of(key))
        value = _with(_open(inner, key, override), tuple(rest), value, override)
    return {**options, key: value}


def _default_of(key: str) -> Any:
    # `flops.free_ops=[...]` in a spec that leaves `flops` out changes the default FLOP counter.
    field = SweepSpec.model_fields.get(key)
    return field.default if field and isinstance(field.default, str) else {}


def _open(value: object, key: str, override: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"kind": value}
    if value is None or isinstance(value, Mapping | BaseModel):
        return dict(value or {})
    raise _bad_override(override, f"`{key}` holds {value!r}, which has no fields")


def _bad_override(override: str, reason: str) -> SpecError:
    return SpecError(
        f"--set {override}: {reason}",
        fix="write path.to.field=value, e.g. --set training.lr=0.01 --set seeds=[0,1]",
        code="bad-override",
    )
