"""The plugin contract: five hooks, all collecting, all without arguments.

A plugin is a module named by an entry point of the group `flops_fit`. It sets `flops_fit_api_version = 1`
and implements any of the hooks below with `@flops_fit.hookimpl`; each returns component classes, never
instances. No hook stops at the first result, so everything that is installed can be listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from flops_fit.components import DataSource, FitForm, FlopCounter, LossFunction, ModelFamily

PROJECT = "flops_fit"
API_VERSION = 1
"""Raised only when a hook or a component's signature changes incompatibly."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def flops_fit_models() -> Iterable[type[ModelFamily]]:  # type: ignore[empty-body]
    """Offer model families. Called once, when the first spec is read.

    `kind` is what users write under `model`.
    """


@hookspec
def flops_fit_data() -> Iterable[type[DataSource]]:  # type: ignore[empty-body]
    """Offer data sources. Called once, when the first spec is read.

    `kind` is what users write under `data`.
    """


@hookspec
def flops_fit_losses() -> Iterable[type[LossFunction]]:  # type: ignore[empty-body]
    """Offer losses. Called once, when the first spec is read.

    `kind` is what users write under `loss`.
    """


@hookspec
def flops_fit_flop_counters() -> Iterable[type[FlopCounter]]:  # type: ignore[empty-body]
    """Offer FLOP counters. Called once, when the first spec is read.

    `kind` is what users write under `flops`.
    """


@hookspec
def flops_fit_fit_forms() -> Iterable[type[FitForm]]:  # type: ignore[empty-body]
    """Offer fit forms. Called once, when the first spec is read.

    `kind` is what users write under `fit`.
    """


HOOKS = {
    "model": "flops_fit_models",
    "data": "flops_fit_data",
    "loss": "flops_fit_losses",
    "flops": "flops_fit_flop_counters",
    "fit": "flops_fit_fit_forms",
}
"""Component type, as written in a spec, to the hook that offers it."""
