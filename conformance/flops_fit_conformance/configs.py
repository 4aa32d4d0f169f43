"""Configurations to try: an example with one option redrawn within its declared range."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flops_fit.components import Component
from flops_fit.errors import FlopsFitError

C = TypeVar("C", bound=Component)

FURTHER = 4
"""How many times an option without a declared end may grow or shrink."""

TRIED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""The same configurations in every run: a plugin must not pass by luck."""


def on_drawn_configs(example: C, clause: Callable[[C], None]) -> None:
    """Hold `clause` to the example and to configurations around it."""

    @TRIED
    @given(configs(example))
    def on_each(config: C) -> None:
        clause(config)

    on_each()


def unless_refused(error: FlopsFitError) -> None:
    """Give up a drawn configuration that a component refuses in its own words; re-raise any other error.

    Options may be in range one by one and impossible together. An error of flops-fit's kind that says so is
    what the contract asks for; any other exception is not.
    """
    if error.code == "component-raised":
        raise error
    reject()


def configs(example: C) -> st.SearchStrategy[C]:
    """Draw the example itself, or with one option redrawn."""
    schema = type(example).model_json_schema()
    written = json.loads(example.model_dump_json())
    options = {name: of for name, of in schema.get("properties", {}).items() if name != "kind"}
    values = {name: _values(of, schema.get("$defs", {}), written.get(name)) for name, of in options.items()}
    redrawn = [_redrawn(example, written, name, drawn) for name, drawn in values.items() if drawn is not None]
    return st.one_of(st.just(example), *redrawn)


def _redrawn(
    example: C, written: Mapping[str, Any], name: str, values: st.SearchStrategy[Any]
) -> st.SearchStrategy[C]:
    return values.map(lambda value: _with(example, {**written, name: value}))


def _with(example: C, options: Mapping[str, Any]) -> C:
    try:
        return type(example).model_validate_json(json.dumps(options))
    except ValidationError:  # in range by itself, but not beside the other options
        return example


def _values(schema: Mapping[str, Any], defs: Mapping[str, Any], now: Any) -> st.SearchStrategy[Any] | None:
    """Return the values that the JSON schema of one option allows; None where it is no plain value."""
    if "$ref" in schema:
        return _values(defs[schema["$ref"].rpartition("/")[2]], defs, now)
    if "anyOf" in schema:
        found = [_values(part, defs, now) for part in schema["anyOf"]]
        return st.one_of(*(values for values in found if values is not None))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    plain = {"boolean": st.booleans(), "null": st.none()}
    kind = schema.get("type")
    return _numbers(schema, now) if kind in {"integer", "number"} else plain.get(str(kind))


def _numbers(schema: Mapping[str, Any], now: Any) -> st.SearchStrategy[Any]:
    """Return numbers of the declared range, near the value of the example where the range is open."""
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    start = now if isinstance(now, int | float) else schema.get("minimum", above or 1)
    reach = FURTHER * max(abs(start), 1)
    low = schema.get("minimum", start - reach if above is None else above)
    high = min(schema.get("maximum", start + reach if below is None else below), max(start, low) + reach)
    if schema["type"] == "integer":
        return st.integers(low + (low == above), high - (high == below))
    return st.floats(low, high, exclude_min=low == above, exclude_max=high == below, allow_subnormal=False)
