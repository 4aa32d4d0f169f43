"""What is installed: the components that a spec can name, who offers them, and what kept others out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flops_fit.errors import PluginError
from flops_fit.hookspecs import HOOKS
from flops_fit.text_columns import aligned

if TYPE_CHECKING:
    from flops_fit.components import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a component comes from."""

    plugin: str
    distribution: str
    """Name and version of the distribution, e.g. 'flops-fit-gpt 0.1.0'."""

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} ({self.distribution})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One component class of one plugin."""

    component: str
    """Which field of a spec it fills: model, data, loss, flops or fit."""
    kind: str
    cls: type[Component]
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A plugin that is left out, and why."""

    origin: Origin
    problem: str
    fix: str
    code: str = ""
    """Of our own error about it; empty where the plugin raised something else."""
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.origin} is left out: {self.problem}\n  fix: {self.fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A name that several plugins claim, so that none of them gets it."""

    component: str
    kind: str
    origins: tuple[Origin, ...]

    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.fix}"

    @property
    def problem(self) -> str:
        """What is contested, and by whom."""
        claims = " and ".join(str(origin) for origin in self.origins)
        return f"{self.component} {self.kind!r} is offered by {claims}, so neither is used"

    @property
    def fix(self) -> str:
        """How to choose."""
        choices = " or ".join(f"FLOPS_FIT_DISABLE_PLUGINS={origin.plugin}" for origin in self.origins)
        return f"uninstall one of them, or set {choices}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registry:
    """The components that a spec can name, and what kept others out."""

    offers: tuple[Offer, ...]
    """Everything that working plugins offer, contested names included."""
    failures: tuple[Failure, ...] = ()
    disabled: tuple[str, ...] = ()
    """Plugins that the environment switches off."""

    def components(self, component: str) -> dict[str, type[Component]]:
        """Map each usable `kind` of one component type to its class, sorted by name."""
        return {offer.kind: offer.cls for offer in self.usable() if offer.component == component}

    def usable(self) -> tuple[Offer, ...]:
        """List the offers whose name is claimed once, in the order of a spec's fields, then by name."""
        order = list(HOOKS)
        contested = {(conflict.component, conflict.kind) for conflict in self.conflicts()}
        usable = [offer for offer in self.offers if (offer.component, offer.kind) not in contested]
        return tuple(sorted(usable, key=lambda offer: (order.index(offer.component), offer.kind)))

    def conflicts(self) -> tuple[Conflict, ...]:
        """List the names that more than one plugin claims."""
        claims: dict[tuple[str, str], list[Origin]] = {}
        for offer in self.offers:
            claims.setdefault((offer.component, offer.kind), []).append(offer.origin)
        return tuple(
            Conflict(component=component, kind=kind, origins=tuple(origins))
            for (component, kind), origins in sorted(claims.items())
            if len(origins) > 1
        )

    def find(self, component: str, kind: str) -> type[Component]:
        """Return the class that a spec means by `kind`.

        Raises:
            PluginError: `plugin-conflict` when several plugins claim the name, `unknown-component` when
                none offers it; the message then lists near misses, what is installed and what is broken.
        """
        choices = self.components(component)
        if kind in choices:
            return choices[kind]
        for conflict in self.conflicts():
            if (conflict.component, conflict.kind) == (component, kind):
                raise PluginError(conflict.problem, fix=conflict.fix, code="plugin-conflict")
        installed = f"installed: {', '.join(choices) or 'none'}{self._left_out()}"
        raise PluginError(
            f"no {_NOUNS[component]} is called {kind!r}; {installed}",
            fix=nearest(kind, choices) or "use an installed one, or install the plugin that offers it",
            code="unknown-component",
        )

    def origin(self, cls: type[Component]) -> Origin | None:
        """Return who offers `cls`, or None for a class that no plugin offers."""
        return next((offer.origin for offer in self.offers if offer.cls is cls), None)

    def summary(self) -> dict[str, Any]:
        """Return what `flops-fit plugins --check --json` prints."""
        return {
            "components": [
                {"component": o.component, "kind": o.kind, **asdict(o.origin)} for o in self.usable()
            ],
            "failures": [asdict(failure) for failure in self.failures],
            "conflicts": [asdict(conflict) for conflict in self.conflicts()],
            "disabled": list(self.disabled),
        }

    def describe(self) -> str:
        """Format what `flops-fit plugins --check` prints; bad news in capitals."""
        lines = aligned([(o.component, o.kind, o.origin.distribution) for o in self.usable()])
        lines += [f"BROKEN: {failure}" for failure in self.failures]
        lines += [f"CONFLICT: {conflict}" for conflict in self.conflicts()]
        lines += [f"disabled: {', '.join(self.disabled)}"] if self.disabled else []
        return "\n".join(lines)

    def _left_out(self) -> str:
        # A missing name may be missing because its plugin is broken or switched off: say so where it hurts.
        reasons = [f"{failure.origin} is left out: {failure.problem}" for failure in self.failures]
        reasons += [f"plugin {name!r} is disabled" for name in self.disabled]
        return "".join(f"; {reason}" for reason in reasons)


_NOUNS = {
    "model": "model",
    "data": "data source",
    "loss": "loss",
    "flops": "FLOP counter",
    "fit": "fit form",
}
"""What messages call a component that fills a field of a spec."""


_SLIP = 0.8
"""Similarity from which on a name is another, misspelt."""
_PARTICLE = 2
"""Letters of a word that tells nothing, such as the n of n_min."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Suggest the closest of `choices`, e.g. "use 'gpt'"; empty when none is close."""
    close = nearest_name(name, choices)
    return f"use {close!r}" if close else ""


def nearest_name(name: str, choices: Iterable[str]) -> str:
    """Return the closest of `choices`; empty when none is close.

    A slip of spelling comes first, then its initials (`lr` for learning_rate), then a word that both have,
    then what is spelt somewhat like it and is not twice as long: `all` is no `valley`.
    """
    known = list(choices)
    found = [
        *difflib.get_close_matches(name, known, n=1, cutoff=_SLIP),
        *(choice for choice in known if choice == "".join(word[:1] for word in name.split("_"))),
        *(choice for choice in known if _words(name) & _words(choice)),
        *difflib.get_close_matches(name, [choice for choice in known if len(choice) < 2 * len(name)], n=1),
    ]
    return next(iter(found), "")


def _words(name: str) -> set[str]:
    return {word for word in name.split("_") if len(word) > _PARTICLE}
