"""What one plugin gives to check: itself, its component classes, and each of their examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, cast

from flops_fit.components import DataSource, Estimator, LossFunction, ModelFamily, SurfaceForm
from flops_fit.errors import PluginWarning
from flops_fit.plugins import Failure, Offer, Registry, load_plugins
from flops_fit_conformance.reference import ReferenceData, ReferenceModel
from flops_fit_conformance.sweeps import built_in, examples, sweep_that_runs, with_a_counter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plugin:
    """A plugin by its entry point's name, and everything that is installed beside it."""

    name: str
    registry: Registry

    @property
    def failure(self) -> Failure | None:
        """What kept it from loading."""
        return next((f for f in self.registry.failures if f.origin.plugin == self.name), None)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The component classes that it offers, contested names included."""
        return tuple(offer for offer in self.registry.offers if offer.origin.plugin == self.name)

    def offered(self, component: str) -> list[Any]:
        """List the examples of its components of one type."""
        return examples(offer.cls for offer in self.offers if offer.component == component)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to check: made when the first of its checks runs."""

    group: str
    """Which checks are about it; see `checks.CHECKS`."""
    name: str
    """How the suite calls it, e.g. 'model.gpt'."""
    make: Callable[[], Any]


def plugin_of(name: str) -> Plugin:
    """Load what is installed, and return one plugin of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the checks tell of every problem
        return Plugin(name=name, registry=load_plugins())


def cases_of(plugin: Plugin) -> Iterator[Case]:
    """List everything of a plugin that there is to check."""
    yield Case(group="plugin", name=f"plugin.{plugin.name}", make=lambda: plugin)
    for offer in plugin.offers:
        name = f"{offer.component}.{offer.kind}"
        yield Case(group="component", name=name, make=partial(_itself, offer.cls))
        found = examples([offer.cls])
        for i, example in enumerate(found):
            numbered = name if len(found) == 1 else f"{name}.{i + 1}"
            make = cache(partial(_subject, offer.component, example, plugin))
            yield Case(group=_group(offer.component, example), name=numbered, make=make)


def _itself(cls: Any) -> Any:
    return cls


def _group(component: str, example: Any) -> str:
    if component != "fit":
        return component
    if isinstance(example, Estimator):
        return "estimator"
    return "surface" if cast("SurfaceForm", example).of_size else "curve"


def _subject(component: str, example: Any, plugin: Plugin) -> Any:
    if component == "fit":
        return example
    models = _with_ours(plugin, "model", [ReferenceModel()])
    datas = _with_ours(plugin, "data", ReferenceData.examples())
    losses = _with_ours(plugin, "loss", [cast("LossFunction", built_in("loss", "cross_entropy"))])
    chosen: dict[str, Sequence[Any]] = {"model": models, "data": datas, "loss": losses}
    flops = example if component == "flops" else None
    sweep = sweep_that_runs(
        cast("Sequence[ModelFamily]", [example] if component == "model" else chosen["model"]),
        cast("Sequence[DataSource]", [example] if component == "data" else chosen["data"]),
        cast("Sequence[LossFunction]", [example] if component == "loss" else chosen["loss"]),
        flops,
    )
    return with_a_counter(sweep, plugin.offered("flops")) if component == "model" else sweep


def _with_ours(plugin: Plugin, component: str, ours: Sequence[Any]) -> list[Any]:
    return [*plugin.offered(component), *ours]
