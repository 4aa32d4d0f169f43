"""Tables of a spec's options, made from the JSON Schema that validates them.

`{options} package.module.Class` lists the fields of one pydantic model; `{components} data` lists every
component of that kind that is installed where the documentation is built.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils.nodes import Node
    from pydantic import BaseModel
    from sphinx.application import Sphinx

HEAD = "| option | what it takes | default | |\n|---|---|---|---|\n"


class Options(SphinxDirective):
    """The fields of one pydantic model."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Return the table."""
        module, _, name = self.arguments[0].rpartition(".")
        return self.parse_text_to_nodes(_table(getattr(import_module(module), name)))


class Components(SphinxDirective):
    """Every installed component of one kind with its options."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Return a paragraph and a table for each."""
        from flops_fit.plugins import registry

        found = registry().components(self.arguments[0])
        return self.parse_text_to_nodes("\n\n".join(_component(kind, found[kind]) for kind in sorted(found)))


def _component(kind: str, cls: type[BaseModel]) -> str:
    first, *_ = (cls.__doc__ or "").strip().split("\n\n")
    options = [name for name in cls.model_fields if name != "kind"]
    return f"**`{kind}`**: {' '.join(first.split())}" + (f"\n\n{_table(cls)}" if options else "")


def _table(cls: type[BaseModel]) -> str:
    fields = cls.model_json_schema(mode="validation").get("properties", {})
    return HEAD + "\n".join(_row(name, field) for name, field in fields.items() if name != "kind")


def _row(name: str, field: dict[str, Any]) -> str:
    default = f"`{json.dumps(field['default'])}`" if field.get("default") is not None else ""
    default = "" if len(default) > 30 else default  # a mapping of defaults has its own table
    text = " ".join(field.get("description", "").split())
    return f"| `{name}` | {_takes(field)} | {default} | {text} |"


def _takes(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return "options of its own"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_takes(choice) for choice in field["anyOf"] if choice))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return "list of " + _takes(field["items"]) if "items" in field else "list"
    return field.get("format", field.get("type", "value")).replace("null", "nothing") + _limits(field)


def _limits(field: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {field[key]:g}" for key, sign in words.items() if key in field]
    return f" {' and '.join(found)}" if found else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both directives."""
    app.add_directive("options", Options)
    app.add_directive("components", Components)
    return {"parallel_read_safe": True}
