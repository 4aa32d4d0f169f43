"""Entry points -> Registry: each plugin is loaded alone, checked against the contract, kept or reported."""

from __future__ import annotations

import inspect
import os
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pluggy

from flops_fit import hookspecs
from flops_fit.errors import PluginError, PluginWarning
from flops_fit.hookspecs import API_VERSION, HOOKS, PROJECT
from flops_fit.plugins.registry import Failure, Offer, Origin, Registry, nearest
from flops_fit.text_columns import aligned

if TYPE_CHECKING:
    from flops_fit.components import Component

CORE = metadata.EntryPoint(name=PROJECT, value="flops_fit.builtin.hooks", group=PROJECT)
"""Our own plugin; needed only in a source tree that was never installed."""


def registry() -> Registry:
    """Return the components of this process, loading the plugins on the first call."""
    global _registry  # noqa: PLW0603 - what is installed is one fact per process
    if _registry is None:
        _registry = load_plugins()
    return _registry


def use(replacement: Registry | None) -> None:
    """Make `replacement` the registry of this process; None loads the installed plugins again when needed."""
    global _registry  # noqa: PLW0603 - see `registry`
    _registry = replacement


_registry: Registry | None = None


def load_plugins(*, extra: Mapping[str, ModuleType] | None = None, autoload: bool | None = None) -> Registry:
    """Load every plugin on its own and collect what the working ones offer.

    Args:
        extra: Plugin modules to load beside the installed ones, by plugin name.
        autoload: Whether to load installed third-party plugins; by default the environment decides.

    Warns:
        PluginWarning: Once per plugin that is left out, and once per contested name.
    """
    candidates, failures = _select(autoload=_autoload() if autoload is None else autoload)
    candidates += [_Candidate.at_run_time(name, module) for name, module in (extra or {}).items()]
    offers: list[Offer] = []
    for candidate in candidates:
        try:
            offers += _offers(candidate)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything at import
            failures.append(_failure(candidate.origin, error))
    found = Registry(
        offers=tuple(offers), failures=tuple(failures), disabled=_names("FLOPS_FIT_DISABLE_PLUGINS")
    )
    for problem in [*found.failures, *found.conflicts()]:
        warnings.warn(str(problem), PluginWarning, stacklevel=2)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPlugin:
    """One entry point of the group `flops_fit`, not loaded."""

    plugin: str
    distribution: str
    """Name and version."""
    module: str
    disabled: bool


def installed() -> tuple[InstalledPlugin, ...]:
    """List the installed plugins from their metadata alone; none is imported."""
    disabled = _names("FLOPS_FIT_DISABLE_PLUGINS")
    return tuple(
        InstalledPlugin(
            plugin=point.name,
            distribution=_origin(point).distribution,
            module=point.value,
            disabled=point.name in disabled,
        )
        for point in _entry_points()
    )


def describe_installed(plugins: Sequence[InstalledPlugin]) -> str:
    """Format what `flops-fit plugins` prints."""
    rows = [(p.plugin, p.distribution, p.module, "disabled" if p.disabled else "") for p in plugins]
    table = aligned([("plugin", "distribution", "module", ""), *rows])
    return "\n".join([*table, "", "`flops-fit plugins --check` loads them and lists their components."])


# ---- which entry points to load


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    origin: Origin
    load: Callable[[], Any]

    @classmethod
    def at_run_time(cls, name: str, module: ModuleType) -> _Candidate:
        return cls(origin=Origin(plugin=name, distribution="registered at run time"), load=lambda: module)


def _select(*, autoload: bool) -> tuple[list[_Candidate], list[Failure]]:
    claims: dict[str, list[metadata.EntryPoint]] = {}
    for point in _entry_points():
        claims.setdefault(point.name, []).append(point)
    allowed = _names("FLOPS_FIT_LOAD_PLUGINS")
    failures = [_not_installed(name, list(claims)) for name in allowed if name not in claims]
    candidates: list[_Candidate] = []
    for name in _wanted(list(claims), allowed, autoload=autoload):
        points = claims[name]
        if len({point.value for point in points}) > 1:
            failures.append(_same_name(points))
        else:
            candidates.append(_Candidate(origin=_origin(points[0]), load=points[0].load))
    return candidates, failures


def _entry_points() -> list[metadata.EntryPoint]:
    points = list(metadata.entry_points(group=PROJECT))
    if CORE.name not in {point.name for point in points}:
        points.append(CORE)
    return sorted(points, key=lambda point: (point.name != CORE.name, point.name, point.value))


def _wanted(names: Sequence[str], allowed: Sequence[str], *, autoload: bool) -> list[str]:
    disabled = _names("FLOPS_FIT_DISABLE_PLUGINS")
    third_party = [name for name in names if autoload and (not allowed or name in allowed)]
    return [name for name in names if name not in disabled and (name == CORE.name or name in third_party)]


def _names(variable: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in os.environ.get(variable, "").split(",") if name.strip())


def _autoload() -> bool:
    return os.environ.get("FLOPS_FIT_DISABLE_PLUGIN_AUTOLOAD", "").lower() in {"", "0", "false", "no"}


def _origin(point: metadata.EntryPoint) -> Origin:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "not installed"
    return Origin(plugin=point.name, distribution=distribution)


def _not_installed(name: str, names: Sequence[str]) -> Failure:
    return Failure(
        origin=Origin(plugin=name, distribution="not installed"),
        problem=f"FLOPS_FIT_LOAD_PLUGINS names it; installed: {', '.join(names)}",
        fix=nearest(name, names) or f"install it, or take {name!r} out of FLOPS_FIT_LOAD_PLUGINS",
    )


def _same_name(points: Sequence[metadata.EntryPoint]) -> Failure:
    owners = " and ".join(f"{_origin(point).distribution} ({point.value})" for point in points)
    return Failure(
        origin=Origin(plugin=points[0].name, distribution=owners),
        problem="several distributions claim this plugin name, so none is loaded",
        fix="uninstall all but one of them",
    )


# ---- one plugin against the contract


def _offers(candidate: _Candidate) -> list[Offer]:
    plugin = candidate.load()
    version = getattr(plugin, "flops_fit_api_version", None)
    if version != API_VERSION:
        raise PluginError(
            f"it says flops_fit_api_version = {version!r}, this flops-fit speaks {API_VERSION}",
            fix=f"install a version of the plugin that is made for API {API_VERSION}",
            code="plugin-api-version",
        )
    offers = [
        Offer(component=component, kind=_checked_kind(cls, component), cls=cls, origin=candidate.origin)
        for component, cls in _collect(plugin, candidate.origin.plugin)
    ]
    _check_unique(offers)
    return offers


def _collect(plugin: object, name: str) -> Iterator[tuple[str, Any]]:
    # One manager per plugin: a failure while registering or calling hooks cannot touch another plugin.
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name)
    _check_hook_names(manager, plugin)
    for component, hook in HOOKS.items():
        for classes in getattr(manager.hook, hook)():
            yield from ((component, cls) for cls in classes)


def _check_hook_names(manager: pluggy.PluginManager, plugin: object) -> None:
    hooks = manager.get_hookcallers(plugin) or []
    unknown = [hook.name for hook in hooks if not hook.has_spec()]
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"it implements {', '.join(unknown)}, which is no hook; hooks: {', '.join(HOOKS.values())}",
            fix=nearest(unknown[0], HOOKS.values()) or "remove it, or implement one of these hooks",
            code="unknown-hook",
        ) from error
    if not hooks:
        raise PluginError(
            f"it implements none of the hooks {', '.join(HOOKS.values())}",
            fix="decorate its hook functions with @flops_fit.hookimpl",
            code="no-hook",
        )


def _checked_kind(cls: type[Component], component: str) -> str:
    expected = _contract(component)
    if not (isinstance(cls, type) and issubclass(cls, expected)):
        raise _breach(f"{HOOKS[component]} returned {cls!r}", f"return subclasses of {expected.__name__}")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise _breach(f"{cls.__name__} does not implement {missing}", f"implement {missing}")
    cls.model_json_schema()  # an option without a schema would break the schema of every spec
    kind = cls.model_fields["kind"]
    if get_origin(kind.annotation) is not Literal or get_args(kind.annotation) != (kind.default,):
        raise _breach(f"{cls.__name__} has no fixed kind", 'declare `kind: Literal["its_name"] = "its_name"`')
    return str(kind.default)


def _contract(component: str) -> type[Component]:
    from flops_fit import components

    contracts: dict[str, type[Component]] = {
        "model": components.ModelFamily,
        "data": components.DataSource,
        "loss": components.LossFunction,
        "flops": components.FlopCounter,
        "fit": components.FitForm,
    }
    return contracts[component]


def _check_unique(offers: Sequence[Offer]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for offer in offers:
        name = (offer.component, offer.kind)
        if name in seen:
            raise _breach(
                f"{seen[name]} and {offer.cls.__name__} are both called {offer.kind!r}",
                "give each its own `kind`",
            )
        seen[name] = offer.cls.__name__


def _breach(problem: str, fix: str) -> PluginError:
    return PluginError(problem, fix=fix, code="plugin-contract")


def _failure(origin: Origin, error: BaseException) -> Failure:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, PluginError):
        return Failure(origin=origin, problem=error.problem, fix=error.fix, code=error.code, trace=trace)
    return Failure(
        origin=origin,
        problem=f"{type(error).__name__}: {error}",
        fix=f"repair or uninstall it, or set FLOPS_FIT_DISABLE_PLUGINS={origin.plugin}",
        trace=trace,
    )
