"""What the runs of a sweep were made from, as far as the reader of its law must be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from flops_fit.components import DataSpec
from flops_fit.config.provenance import component_identity, package_versions, this_hardware
from flops_fit.config.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFrom:
    """The parts of a spec that its law keeps: JSON values, readable without the plugins that made them."""

    model: str
    """The family's name and the distribution that it comes from."""
    model_options: Mapping[str, Any]
    data: str
    data_options: Mapping[str, Any]
    epoch: int | None
    """Distinct training units; None for an endless source."""
    loss: str
    flop_counter: str
    training: Mapping[str, Any]
    """The field `training` of the spec, defaults filled in."""
    lr: float
    """Peak learning rate of every run."""
    lr_transfers: bool
    """Whether the family says that one rate suits every size."""
    seeds: tuple[int, ...]
    versions: Mapping[str, str]
    """Of the packages that can change a number."""
    hardware: str = ""
    """Processors and GPUs of the machine; empty where an earlier release kept nothing of it."""


def made_from(spec: SweepSpec, data: DataSpec) -> MadeFrom:
    """Return what `spec` makes runs from; `data` is what its source says of itself."""
    model, source = component_identity(spec.model), component_identity(spec.data)
    return MadeFrom(
        model=f"{spec.model.label} ({model['distribution'] or model['class']})",
        model_options=model["options"],
        data=f"{spec.data.label} ({source['distribution'] or source['class']})",
        data_options=source["options"],
        epoch=data.n_units,
        loss=spec.loss.label,
        flop_counter=spec.flops.label,
        training=spec.training.model_dump(mode="json"),
        lr=spec.peak_lr,
        lr_transfers=spec.model.lr_transfers,
        seeds=spec.seeds,
        versions=package_versions(),
        hardware=this_hardware(),
    )


def read_made_from(stored: Mapping[str, Any] | None) -> MadeFrom | None:
    """Read what `dataclasses.asdict` made of it, also from JSON; None where a sweep kept nothing of it.

    Raises:
        ValueError: `stored` is something else.
    """
    return None if stored is None else _MADE_FROM.validate_python(stored)


_MADE_FROM = TypeAdapter(MadeFrom)
