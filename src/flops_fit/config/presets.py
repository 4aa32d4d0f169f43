"""Specs to start from: what `flops-fit init` writes and what `flops-fit demo` runs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flops_fit.components import Component
from flops_fit.config.design import DesignSpec
from flops_fit.config.flow import flow
from flops_fit.config.from_registry import FromRegistry
from flops_fit.config.load import load_spec
from flops_fit.config.spec import BudgetRange, SweepSpec
from flops_fit.config.training import TrainingSpec
from flops_fit.errors import DataError, SpecError, StoreError
from flops_fit.plugins import registry
from flops_fit.plugins.registry import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The part of a spec that depends on how much compute there is, not on what is trained."""

    purpose: str
    budgets: BudgetRange
    seeds: tuple[int, ...]
    design: DesignSpec
    training: TrainingSpec


PRESETS = {
    "quick": Preset(
        purpose="small enough for a CPU: a first look, with wide intervals",
        budgets=BudgetRange(start=5e10, stop=5e11, count=7),
        seeds=(0,),
        design=DesignSpec(sizes_per_budget=8, units_per_param=25, window=4),
        training=TrainingSpec(batch_size=8),
    ),
    "thorough": Preset(
        purpose="for a GPU: more budgets and sizes over a longer range, each trained twice",
        budgets=BudgetRange(start=1e12, stop=3e13, count=10),
        seeds=(0, 1),
        design=DesignSpec(sizes_per_budget=12),
        training=TrainingSpec(batch_size=16),
    ),
}


def demo_spec(out: Path, *, seeds: int) -> SweepSpec:
    """Return the sweep of `flops-fit demo`: a byte-level GPT on the standard library's own source.

    Args:
        out: Directory to keep the sweep in.
        seeds: Trainings per cell, at least 1.
    """
    return load_spec(
        {
            "model": "gpt",
            "data": {"kind": "stdlib_text", "length": 64},
            "budgets": {"start": 1e10, "stop": 1e11, "count": 7},
            "seeds": list(range(seeds)),
            "design": {"sizes_per_budget": 8, "window": 3.5},
            # What `lr: auto` finds at so few tokens per step lies well below the family's own rate.
            "training": {"batch_size": 8, "lr": 0.7},
            "output_dir": out,
        }
    )


TRUTHS: dict[str, dict[str, Any]] = {
    "synthetic_language": {
        "model": "gpt",
        # Tables of one lag: what a second one adds, attention learns in a leap that no power law has.
        "data": {"vocabulary": 128, "length": 16, "lags": [1], "eval_rows": 1024},
        "budgets": {"start": 6e8, "stop": 1e10, "count": 7},
        "design": {"sizes_per_budget": 6, "window": 3.5, "units_per_param": 15, "min_steps": 100},
        "training": {"batch_size": 16, "lr": 0.5, "audit": 0},
    },
    "gratings": {
        "model": {"kind": "vit", "patch_size": 8, "depth": 1, "widths": [8, 10, 12, 14, 16, 20, 24, 28, 32]},
        # Smooth enough for the loss to fall by more than half over the sweep: else its noise hides the floor.
        "data": {"side": 8, "max_frequency": 4, "smoothness": 3.5, "scale": 4.0},
        "budgets": {"start": 1e9, "stop": 1e10, "count": 7},
        "design": {"sizes_per_budget": 5, "window": 3.5, "units_per_param": 50, "min_steps": 80},
        "training": {"batch_size": 256, "lr": 0.38, "audit": 0},
    },
}
"""Sweeps of a minute on data whose floor is known, by the name of the data source."""
_WORLDS = {"synthetic_language": "language_seed", "gratings": "world"}
"""The option by which a source draws another task of the same kind."""


def truth_spec(source: str, out: Path, *, seed: int) -> SweepSpec:
    """Return a small sweep on the data source `source`, one of `TRUTHS`, whose floor is known.

    Args:
        source: Name of the data source.
        out: Directory to keep the sweep in.
        seed: Of the task and of the training; another seed is another replication.

    Raises:
        SpecError: `no-truth-preset`.
        PluginError: `unknown-component`: the source or its model is not installed.
    """
    if source not in TRUTHS:
        raise SpecError(
            f"There is no sweep of {source!r} to hold to the truth; there are of: {', '.join(TRUTHS)}.",
            fix=nearest(source, TRUTHS) or f"use {next(iter(TRUTHS))!r}, or write a spec and name its file",
            code="no-truth-preset",
        )
    preset = TRUTHS[source]
    data = {"kind": source, _WORLDS[source]: seed} | preset["data"]
    return load_spec(preset | {"data": data, "seeds": [seed], "output_dir": out})


def write_initial_spec(
    path: Path, *, model: str, data: str, preset: Literal["quick", "thorough"] = "quick"
) -> None:
    """Write `init_text` to a file that does not exist yet, and beside it the schema for editors.

    Raises:
        StoreError: `spec-exists`, or `unwritable-spec`.
        PluginError: `unknown-component`.
        DataError: what the family says about data that it cannot take.
    """
    _refuse_strangers(registry().find("model", model), registry().find("data", data))
    text, schema = init_text(model, data, preset), path.with_suffix(".schema.json")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# yaml-language-server: $schema={schema.name}\n{text}")
        # Not the user's own: what is installed may have changed since an earlier one was written.
        schema.write_text(json.dumps(SweepSpec.model_json_schema(), indent=2), encoding="utf-8")
    except FileExistsError:
        raise StoreError(
            f"{path}: exists and is kept", fix=f"add --out {path.stem}-2{path.suffix}", code="spec-exists"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}",
            fix="name a file in a folder that exists",
            code="unwritable-spec",
        ) from None


def _refuse_strangers(family: type[Any], source: type[Any]) -> None:
    """Refuse a family of which no example can be sized for any example of the source."""
    if refusal := _refusal(family, source):
        others = registry().components("data").items()
        fitting = [kind for kind, cls in others if cls.examples() and not _refusal(family, cls)]
        if fitting:
            refusal.fix = f"add --data {fitting[0]}, or choose another --model"
        raise refusal


def _refusal(family: type[Any], source: type[Any]) -> DataError | None:
    refused: list[DataError] = []
    for model, data in product(family.examples(), source.examples()):
        with suppress(Exception):  # what else is wrong with them is for `check` to tell
            data.prepare()
            facts = data.spec()
            try:
                model.ladder(1.0, 1e6, facts)
            except DataError as error:
                refused.append(error)
                continue
        return None
    return next(iter(refused), None)


def init_text(model: str, data: str, preset: Literal["quick", "thorough"]) -> str:
    """Return a YAML spec that is valid as written, with every option and what it means.

    Raises:
        PluginError: `unknown-component`: `model` or `data` is not installed.
    """
    chosen = PRESETS[preset]
    components = {"model": model, "data": data}
    lines = _comment(f"An IsoFLOP sweep of {model} on {data}, {chosen.purpose}.", "")
    lines += _comment("Next: `flops-fit check` and `flops-fit plan` on this file; both train nothing.", "")
    lines += _comment("`#name: value` is an option at its default; remove the # to change it.", "")
    for name, field in SweepSpec.model_fields.items():
        lines += ["", *_comment(field.description or "", "")]
        lines += _field(name, field, components, chosen)
    return "\n".join(lines) + "\n"


def _field(name: str, field: FieldInfo, components: dict[str, str], preset: Preset) -> Iterator[str]:
    if marker := next((m for m in field.metadata if isinstance(m, FromRegistry)), None):
        kind = components.get(name, field.default)
        yield from _component(name, registry().find(marker.component, kind))
    elif isinstance(part := getattr(preset, name, None), DesignSpec | TrainingSpec):
        yield f"{name}:"
        yield from _options(type(part), part.model_dump(exclude_defaults=True))
    elif part is None:
        yield f"#{name}: {flow(field.default)}"
    else:
        yield f"{name}: {flow(part.model_dump() if isinstance(part, BaseModel) else part)}"


def _component(name: str, cls: type[Component]) -> Iterator[str]:
    yield f"{name}:"
    yield f"  kind: {cls.model_fields['kind'].default}"
    required = [name for name, field in cls.model_fields.items() if field.is_required()]
    example = cls.examples()[0].model_dump(mode="json", include=set(required)) if required else {}
    yield from _options(cls, example)


def _options(cls: type[BaseModel], given: dict[str, Any]) -> Iterator[str]:
    for name, field in cls.model_fields.items():
        if name == "kind":
            continue
        yield from _comment(field.description or "", "  ")
        if name in given:
            yield f"  {name}: {flow(given[name])}"
        else:
            default = field.get_default(call_default_factory=True, validated_data={})
            yield f"  #{name}: {flow(default.model_dump() if isinstance(default, BaseModel) else default)}"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
