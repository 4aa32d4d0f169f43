"""Fields of a spec that accept any installed component, by name, by options or as an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from flops_fit.components import Component
from flops_fit.config.rules import broken_rule
from flops_fit.errors import FlopsFitError, PluginError
from flops_fit.plugins import registry


class FromRegistry:
    """Makes a field accept any installed component of one type: a union discriminated by `kind`.

    The registry is read when a value is validated, not when the model class is built: specs need no
    rebuilding after `plugins.use`, and pickle like any other object. An instance is taken as it is, so
    that Python users can pass components that no plugin offers.
    """

    def __init__(self, component: str, usual: str = "") -> None:
        self.component, self._usual = component, usual

    @property
    def example(self) -> str:
        """A kind that is installed, by preference the one that fields have by default."""
        kinds = registry().components(self.component)
        return self._usual if self._usual in kinds else next(iter(kinds), "NAME")

    def __get_pydantic_core_schema__(
        self, source: type[Component], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def validate(value: object) -> Component:
            return value if isinstance(value, source) else self._named(value)

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(_options, info_arg=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        classes = registry().components(self.component)
        if not classes:
            return {"type": "object"}
        choices = {kind: cls.__pydantic_core_schema__ for kind, cls in classes.items()}
        options = handler(core_schema.tagged_union_schema(choices, discriminator="kind"))
        return {"anyOf": [{"enum": list(classes)}, {**options, "required": ["kind"]}]}

    def _named(self, value: object) -> Component:
        options = {"kind": value} if isinstance(value, str) else value
        if not isinstance(options, Mapping):
            raise broken_rule(
                f"{_found(value)} is no `{self.component}`", fix=self._example(), code="wrong-type"
            )
        if not isinstance(kind := options.get("kind"), str):
            found = "is missing" if kind is None else f"is {kind!r}"
            raise broken_rule(
                f"`kind` {found}; {self._installed()}", fix=self._example(), code="missing-kind"
            )
        try:
            cls = registry().find(self.component, kind)
        except PluginError as error:
            raise broken_rule(error.problem, fix=error.fix, code=error.code) from error
        return _build(cls, dict(options))

    def _installed(self) -> str:
        return f"installed: {', '.join(registry().components(self.component)) or 'none'}"

    def _example(self) -> str:
        name, kind = self.component, self.example
        return f"write `{name}: {kind}`, or `{name}: {{kind: {kind}}}` with its options"


def _options(value: Component, info: SerializationInfo) -> dict[str, Any]:
    return value.model_dump(mode=info.mode)


def _found(value: object) -> str:
    return f"a {type(value).__name__}" if isinstance(value, Component) else repr(value)[:60]


def _build(cls: type[Component], options: dict[str, Any]) -> Component:
    try:
        return cls.model_validate(options)
    except (ValidationError, FlopsFitError):
        raise
    except Exception as error:
        raise PluginError(
            f"{registry().origin(cls)} raised {type(error).__name__} for the options {options}: {error}",
            fix="report this to its authors: validators should raise ValueError",
            code="plugin-raised",
        ) from error
