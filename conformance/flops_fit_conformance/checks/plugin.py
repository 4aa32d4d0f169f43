"""Clauses about a plugin as a whole: it loads, speaks this API, and its names are its own."""

from __future__ import annotations

from flops_fit.hookspecs import API_VERSION, HOOKS
from flops_fit.plugins import Failure
from flops_fit_conformance.breach import Breach, require
from flops_fit_conformance.subjects import Plugin


def check_plugin_imports(plugin: Plugin) -> None:
    """Importing the plugin's module, and calling its hooks, raises nothing."""
    failure = plugin.failure
    if failure is not None and not failure.code:
        raise _breach(plugin, failure, should="a module that imports, and hooks that return")


def check_api_version(plugin: Plugin) -> None:
    """`flops_fit_api_version` is the version of this flops-fit."""
    _refuse(plugin, "plugin-api-version", should=f"flops_fit_api_version = {API_VERSION}")


def check_hook_names(plugin: Plugin) -> None:
    """Every hook that the plugin implements is one of the five, and it implements one at least."""
    _refuse(plugin, "unknown-hook", should=f"only hooks among {', '.join(HOOKS.values())}")
    _refuse(
        plugin, "no-hook", should=f"a function decorated with @hookimpl, among {', '.join(HOOKS.values())}"
    )


def check_offers_are_components(plugin: Plugin) -> None:
    """Each hook returns concrete subclasses of its component type, each with a fixed `kind` of its own."""
    _refuse(
        plugin, "plugin-contract", should='classes with `kind: Literal["name"] = "name"`, abstract in nothing'
    )


def check_names_are_free(plugin: Plugin) -> None:
    """No other installed plugin offers a component of the same name."""
    contested = [c for c in plugin.registry.conflicts() if plugin.name in {o.plugin for o in c.origins}]
    require(
        not contested,
        found="; ".join(conflict.problem for conflict in contested),
        should="names that no other plugin offers, e.g. with the plugin's name as a prefix",
        call="flops_fit.plugins.load_plugins()",
    )


def _refuse(plugin: Plugin, code: str, *, should: str) -> None:
    failure = plugin.failure
    if failure is not None and failure.code == code:
        raise _breach(plugin, failure, should=should)


def _breach(plugin: Plugin, failure: Failure, *, should: str) -> Breach:
    return Breach(found=failure.problem, should=should, call=f"loading plugin {plugin.name!r}")
