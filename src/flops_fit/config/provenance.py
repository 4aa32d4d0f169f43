"""What ran, with which versions, on what: the identity of components, and the spec.json of a sweep."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from flops_fit.components import Component
from flops_fit.config.spec import SweepSpec
from flops_fit.errors import StoreError
from flops_fit.hookspecs import HOOKS
from flops_fit.plugins import Origin, installed, registry

PACKAGES = ("flops-fit", "torch", "accelerate", "numpy", "scipy")
"""Packages whose version can change a number."""

NVIDIA = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's Linux driver lists its GPUs."""


@runtime_checkable
class Identified(Protocol):
    """A component around Python objects, which says itself what determines its behaviour."""

    def identity(self) -> dict[str, Any]:
        """Return JSON values that change whenever the wrapped objects behave differently."""
        ...


def component_identity(component: Component) -> dict[str, Any]:
    """Return what determines a component's behaviour, as JSON values: options, class and version."""
    cls = type(component)
    origin = registry().origin(cls) or Origin(plugin="", distribution=cls.__module__)
    return {
        "kind": component.kind,
        "options": component.identity()
        if isinstance(component, Identified)
        else component.model_dump(mode="json"),
        "class": f"{cls.__module__}.{cls.__qualname__}",
        "distribution": origin.distribution,
    }


def canonical_json(value: BaseModel) -> str:
    """Write a spec or a component as JSON that does not depend on the order of its fields."""
    return json.dumps(value.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def write_spec_json(
    spec: SweepSpec, path: Path, *, plan: Mapping[str, Any] | None = None, hardware: str | None = None
) -> None:
    """Write the spec, every component's identity, the versions and the hardware of a sweep.

    Args:
        spec: The spec as it runs, defaults included.
        path: File to write; its directory is made.
        plan: What the plan made of the spec is known by, e.g. its `plan_id`; JSON values.
        hardware: What the sweep runs on; by default this machine's processors and GPUs.

    Raises:
        StoreError: `unwritable-spec`.
    """
    content = {
        "spec": spec.model_dump(mode="json"),
        "plan": dict(plan or {}),
        "components": {name: component_identity(getattr(spec, name)) for name in HOOKS},
        "versions": {"python": platform.python_version(), **package_versions()},
        "plugins": {plugin.plugin: plugin.distribution for plugin in installed()},
        "hardware": hardware or this_hardware(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")  # a killed process leaves the old file or the new one
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}",
            fix="choose another directory: --set output_dir=sweep-2, or --out of the demo",
            code="unwritable-spec",
        ) from None


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that can change a number, as far as they are installed."""
    found = {dist: next(iter(metadata.distributions(name=dist)), None) for dist in PACKAGES}
    return {name: dist.version for name, dist in found.items() if dist}


def this_hardware() -> str:
    """Name this machine's processors and GPUs without torch, which would claim a GPU that workers need."""
    cpus = _values(Path("/proc/cpuinfo"), "model name") or [platform.processor() or platform.machine()]
    gpus = [model for path in NVIDIA.glob("*/information") for model in _values(path, "Model")]
    parts = [f"{os.cpu_count()} x {cpus[0]}", *(f"{gpus.count(gpu)} x {gpu}" for gpu in dict.fromkeys(gpus))]
    return ", ".join([*parts, platform.system()])


def _values(path: Path, key: str) -> list[str]:
    """List the values of `key` in a file of `key : value` lines; none if there is no such file."""
    try:
        pairs = [line.partition(":") for line in path.read_text(errors="replace").splitlines()]
    except OSError:
        return []
    return [value.strip() for name, _, value in pairs if name.strip() == key]
