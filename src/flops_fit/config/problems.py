"""What pydantic found -> what a person needs to know: place, value found, what is allowed, the fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from flops_fit.components import Component
from flops_fit.config.design import DesignSpec
from flops_fit.config.flow import flow
from flops_fit.config.from_registry import FromRegistry
from flops_fit.config.names import LISTED_SIZES, near_name, no_such_option
from flops_fit.config.spec import SweepSpec
from flops_fit.config.training import TrainingSpec
from flops_fit.config.written import Place, Written
from flops_fit.errors import FlopsFitError, Problem
from flops_fit.plugins import registry


def find_problems(error: ValidationError, written: Written) -> tuple[Problem, ...]:
    """List the problems of a spec, one per place, from top to bottom."""
    found: dict[Place, tuple[_Spot, list[ErrorDetails]]] = {}
    for detail in error.errors(include_url=False):
        spot = _spot(detail, written.values)
        found.setdefault(spot.place, (spot, []))[1].append(detail)
    renamed = {
        (*spot.place[:-1], _meant(spot))
        for spot, details in found.values()
        if details[0]["type"] == "extra_forbidden"
    }
    told = [pair for place, pair in found.items() if pair[1][0]["type"] != "missing" or place not in renamed]
    ordered = sorted(told, key=lambda pair: written.line(pair[0].place))
    return tuple(_problem(details, spot, written.where(spot.place)) for spot, details in ordered)


# ---- where an error is


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """A place in a spec, with what is declared there."""

    place: Place
    owner: type[BaseModel] | None
    """Class that declares the field, where one is known."""
    field: FieldInfo | None
    """The field that the place is, or is an item of."""
    around: object
    """What the user wrote around it: the options of a section, or the name of a component alone."""

    @property
    def name(self) -> str:
        return next((part for part in reversed(self.place) if isinstance(part, str)), "spec")


def _spot(detail: ErrorDetails, values: object) -> _Spot:
    """Find the place in the input; pydantic also names members of unions, which nobody wrote."""
    place: Place = ()
    owner: type[BaseModel] | None = None
    inner: type[BaseModel] | None = SweepSpec
    field: FieldInfo | None = None
    around: object = None
    for depth, part in enumerate(detail["loc"], 1):
        is_last_by_name = depth == len(detail["loc"]) and detail["type"] in {"missing", "extra_forbidden"}
        is_field = inner is not None and part in inner.model_fields
        if not (is_field or is_last_by_name or _holds(values, part)):
            continue
        if isinstance(part, str):
            owner, field, around = inner, inner.model_fields.get(part) if inner else None, values
        values = _inside(values, part)
        inner, place = _class_beneath(field, values), (*place, part)
    return _Spot(place=place, owner=owner, field=field, around=around)


def _holds(values: object, part: str | int) -> bool:
    if isinstance(values, Mapping):
        return part in values
    return isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)


def _inside(values: Any, part: str | int) -> Any:
    return values[part] if _holds(values, part) else None


def _class_beneath(field: FieldInfo | None, value: object) -> type[BaseModel] | None:
    if field is None:
        return None
    for marker in field.metadata:
        if isinstance(marker, FromRegistry):
            kind = value.get("kind") if isinstance(value, Mapping) else value
            return registry().components(marker.component).get(str(kind))
    written_as = [m.json_schema_input_type for m in field.metadata if isinstance(m, BeforeValidator)]
    annotations = [inner for outer in (field.annotation, *written_as) for inner in (outer, *get_args(outer))]
    return next((a for a in annotations if isinstance(a, type) and issubclass(a, BaseModel)), None)


# ---- what to say about it


def _problem(details: Sequence[ErrorDetails], spot: _Spot, where: str) -> Problem:
    detail = details[0]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, FlopsFitError):
        return Problem(where=where, problem=cause.problem, fix=cause.fix, code=cause.code)
    if fix := detail.get("ctx", {}).get("fix"):
        return Problem(where=where, problem=detail["msg"], fix=fix, code=detail["type"])
    if detail["type"] == "missing":
        return _missing(spot, where)
    if detail["type"] == "extra_forbidden":
        return _unknown(spot, where)
    if any(other["type"] not in _ALLOWED for other in details):
        return _invalid(detail, spot, where)
    return _not_allowed(details, spot, where)


def _missing(spot: _Spot, where: str) -> Problem:
    purpose = f": {spot.field.description}" if spot.field and spot.field.description else ""
    options = _completed(spot)
    fix = f"write e.g. `{spot.place[-2]}: {options}`" if options else f"add {_example(spot)}"
    return Problem(where=where, problem=f"missing{purpose}", fix=fix, code="missing-field")


def _completed(spot: _Spot) -> str:
    """Show a component with all that it requires: one that is a name alone has no place to add to."""
    if spot.owner is None or not issubclass(spot.owner, Component):
        return ""
    given = spot.around if isinstance(spot.around, Mapping) else {"kind": spot.around}
    fields = spot.owner.model_fields.items()
    missing = {name: _example_value(f) for name, f in fields if f.is_required() and name not in given}
    shown = {str(name): flow(value) for name, value in given.items()} | missing
    return f"{{{', '.join(f'{name}: {value}' for name, value in shown.items())}}}"


def _unknown(spot: _Spot, where: str) -> Problem:
    names = _names(spot)
    return Problem(
        where=where,
        problem=f"there is no such field; allowed: {', '.join(names)}" if names else "there is no such field",
        fix=_instead(spot) or _renamed(spot) or f"remove `{spot.name}`",
        code="unknown-field",
    )


def _names(spot: _Spot) -> list[str]:
    return sorted(spot.owner.model_fields) if spot.owner else []


def _instead(spot: _Spot) -> str:
    """Say what to do about a name that means no field of its section."""
    section = next((f"{n}.{spot.name}" for n in _names(spot) if spot.name in _fields_beneath(spot, n)), "")
    why = no_such_option(spot.name) if spot.owner in (SweepSpec, TrainingSpec) else ""
    return why or _sizes(spot) or (f"write it as `{section}`" if section else "")


def _sizes(spot: _Spot) -> str:
    is_list = isinstance(spot.around, Mapping) and isinstance(spot.around.get(spot.name), list | tuple)
    return LISTED_SIZES if is_list and "size" in spot.name and spot.owner in (SweepSpec, DesignSpec) else ""


def _meant(spot: _Spot) -> str:
    return "" if _instead(spot) else near_name(spot.name, _names(spot))


def _renamed(spot: _Spot) -> str:
    near = _meant(spot)
    if near in _still_needed(spot):
        return f"rename it to `{near}`"
    return near and f"use {near!r}"


def _still_needed(spot: _Spot) -> set[str]:
    fields = spot.owner.model_fields if spot.owner else {}
    given = spot.around if isinstance(spot.around, Mapping) else {}
    return {name for name, field in fields.items() if field.is_required() and name not in given}


def _fields_beneath(spot: _Spot, name: str) -> Mapping[str, FieldInfo]:
    beneath = _class_beneath(spot.owner.model_fields[name], None) if spot.owner else None
    return beneath.model_fields if beneath else {}


def _invalid(detail: ErrorDetails, spot: _Spot, where: str) -> Problem:
    reason = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return Problem(
        where=where,
        problem=f"found {_shown(detail['input'])}: {reason}",
        fix=f"correct it, e.g. {_example(spot)}",
        code="invalid-value",
    )


def _not_allowed(details: Sequence[ErrorDetails], spot: _Spot, where: str) -> Problem:
    phrases = [_ALLOWED[detail["type"]].format_map(_context(detail)) for detail in details]
    return Problem(
        where=where,
        problem=f"found {_shown(details[0]['input'])}; allowed: {' or '.join(dict.fromkeys(phrases))}",
        fix=_to_write(spot),
        code="value-not-allowed",
    )


def _context(detail: ErrorDetails) -> dict[str, str]:
    context: dict[str, object] = detail.get("ctx", {})
    return {key: value if isinstance(value, str) else flow(value) for key, value in context.items()}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _to_write(spot: _Spot) -> str:
    """Show a value to write; null, the default of many options, is told by leaving the option out."""
    if spot.field is not None and _example_value(spot.field) == flow(None):
        return f"write a value that is allowed, or leave out `{spot.name}`"
    return f"write e.g. {_example(spot)}"


def _example(spot: _Spot) -> str:
    return f"`{spot.name}: {_example_value(spot.field) if spot.field else '...'}`"


def _example_value(field: FieldInfo) -> str:
    for marker in field.metadata:
        if isinstance(marker, FromRegistry):
            return marker.example
    if field.examples:
        return flow(field.examples[0])
    if field.is_required():
        return "..."
    default = field.get_default(call_default_factory=False)
    return flow(_first_set(default) if isinstance(default, BaseModel) else default)


def _first_set(default: BaseModel) -> dict[str, object]:
    """Return one option that shows what a value looks like, which null would not."""
    return dict([next((pair for pair in default if pair[1] is not None), next(iter(default)))])


_ALLOWED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer",
    "int_from_float": "an integer",
    "int_type": "an integer",
    "float_parsing": "a number",
    "float_type": "a number",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "values above {gt}",
    "greater_than_equal": "values of at least {ge}",
    "less_than": "values below {lt}",
    "less_than_equal": "values of at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "one of {expected_tags} as {discriminator}",
    "string_type": "text",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping of options",
    "model_attributes_type": "a mapping of options",
    "dataclass_type": "a mapping of options",
    "none_required": "null",
}
"""What pydantic's error types mean to a person; the rest keep pydantic's own words."""
