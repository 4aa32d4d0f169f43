"""A skeleton for plugin authors: a distribution that is valid, tested and trainable as generated."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from flops_fit.errors import PluginError, unwritable
from flops_fit.hookspecs import API_VERSION, HOOKS
from flops_fit.plugins.loading import installed, registry

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SUFFIX = ".template"
"""Keeps tools from taking templates for Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlugin:
    """A distribution that was written."""

    package: str
    """Name of the import package, of the plugin and of its components."""
    directory: Path
    files: tuple[Path, ...]
    """Below `directory`."""

    def describe(self) -> str:
        """Format what `flops-fit new-plugin` prints: what was written, and what to type next."""
        where = self.directory if self.directory.is_absolute() else f"./{self.directory.as_posix()}"
        commands = [
            f'{_pip()} -e "{where}[test]"',
            "flops-fit plugins --check",
            f"flops-fit-conformance {self.package}",
            f"flops-fit run {self.directory / 'sweep.yaml'}",
        ]
        written = [f"wrote {self.directory}:", *(f"  {file.as_posix()}" for file in self.files)]
        return "\n".join([*written, "next:", *(f"  {command}" for command in commands)])


def _pip() -> str:
    """Return what installs into this environment, and with it the suite where that comes from a checkout.

    Environments of uv have no pip; one found in PATH would install elsewhere.
    """
    pip = "pip install" if importlib.util.find_spec("pip") else "uv pip install"
    checkout = _checkout()
    if importlib.util.find_spec("flops_fit_conformance") or checkout is None:
        return pip
    return f"{pip}{' --no-sources' * pip.startswith('uv')} {shlex.quote(str(checkout / 'conformance'))}"


def _checkout() -> Path | None:
    """Return the checkout that flops-fit was installed from; None where it came from elsewhere.

    Source: packaging.python.org, "Recording the Direct URL Origin of installed distributions".
    """
    origin = json.loads(metadata.distribution("flops-fit").read_text("direct_url.json") or "{}")
    folder = Path(url2pathname(urlsplit(origin.get("url", "")).path))
    return folder if (folder / "conformance" / "pyproject.toml").is_file() else None


def new_plugin(name: str, directory: Path | None = None) -> NewPlugin:
    """Write a skeleton distribution called `name`: a model family with its FLOP counter.

    Args:
        name: Name of the distribution; with underscores it is the package, the plugin and its components.
        directory: Where to write it; must not exist. By default a folder `name` in the current one.

    Raises:
        PluginError: `bad-plugin-name`, `plugin-name-taken` or `directory-exists`.
        StoreError: `unwritable-file`.
    """
    package = _package(name)
    _check_free(package)
    target = Path(name) if directory is None else directory
    values = {
        "name": name,
        "package": package,
        "Class": "".join(word.capitalize() for word in package.split("_")),
        "versions": _compatible(metadata.version("flops-fit")),
        "api_version": str(API_VERSION),
    }
    texts = {path: Template(text).substitute(values) for path, text in _templates(package)}
    _write(target, texts)
    return NewPlugin(package=package, directory=target, files=tuple(texts))


def _package(name: str) -> str:
    """Return the import package of a distribution called `name`.

    Source: names of distributions: packaging.python.org, "Names and normalization".
    """
    package = re.sub(r"[-_.]+", "_", name).lower()
    valid = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name)
    if valid and package.isidentifier() and not keyword.iskeyword(package) and package not in HOOKS:
        return package
    raise PluginError(
        f"{name!r} cannot name a plugin: its distribution, its Python package and what users write in a spec "
        "are called so; allowed are letters, digits and - _ . between them, a letter first, and no word of "
        f"Python's or of a spec's ({', '.join(HOOKS)}).",
        fix=f"flops-fit new-plugin {_better(package)}",
        code="bad-plugin-name",
    )


def _better(package: str) -> str:
    """Return a name of the same words that is allowed."""
    words = re.findall("[a-z0-9]+", package)
    name = "_".join(words)
    allowed = name.isidentifier() and not keyword.iskeyword(name) and name not in HOOKS
    return "-".join(words if allowed else ["my", *words])


def _check_free(package: str) -> None:
    """Refuse a name that something installed has already: an import, a plugin or a component."""
    owners = [f"plugin {p.plugin!r} ({p.distribution})" for p in installed() if p.plugin == package]
    owners += [
        f"{offer.component} {offer.kind!r} of {offer.origin}"
        for offer in registry().offers
        if offer.kind == package and offer.component in {"model", "flops"}
    ]
    owners += [f"the Python package {package!r}"] if importlib.util.find_spec(package) else []
    if owners:
        raise PluginError(
            f"the name {package!r} is taken by {owners[0]}; a second one would hide or block it.",
            fix=f"flops-fit new-plugin my-{package.replace('_', '-')}",
            code="plugin-name-taken",
        )


def _compatible(version: str) -> str:
    """Return the versions that keep the promises of `version`, e.g. '>=0.1,<0.2' for 0.1.3."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _templates(package: str) -> Iterator[tuple[Path, str]]:
    """Yield each file's path, below the distribution's folder, and its template."""
    waiting: list[tuple[Path, Traversable]] = [(Path(), resources.files(__package__) / "skeleton")]
    while waiting:
        place, entry = waiting.pop()
        if entry.is_dir():
            children = sorted(entry.iterdir(), key=lambda child: child.name, reverse=True)
            waiting += [(place / child.name.replace("package", package), child) for child in children]
        elif place.name.endswith(SUFFIX):
            yield place.with_name(place.name.removesuffix(SUFFIX)), entry.read_text(encoding="utf-8")


def _write(target: Path, texts: dict[Path, str]) -> None:
    try:
        target.mkdir(parents=True)
        for path, text in texts.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise PluginError(
            f"{target}: exists and is kept as it is.",
            fix=f"add `--directory {target}-2`, or move it away",
            code="directory-exists",
        ) from None
    except OSError as error:
        raise unwritable(target, error) from None
