"""Real plugins: packages with distribution metadata, written to a folder on sys.path."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GOOD = """
from typing import Literal
from flops_fit.components import LossFunction
from flops_fit.hookspecs import hookimpl

flops_fit_api_version = 1

class Loss(LossFunction):
    kind: Literal["{kind}"] = "{kind}"
    def __call__(self, outputs, batch):
        return outputs

@hookimpl
def flops_fit_losses():
    return [Loss]
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISABLE_PLUGINS", "LOAD_PLUGINS", "DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(f"FLOPS_FIT_{name}", raising=False)


@pytest.fixture
def good() -> Callable[[str], str]:
    """Source of a plugin that offers one loss of the given name."""
    return lambda kind: GOOD.format(kind=kind)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path in which plugins can be installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Install a plugin the way pip does: a module beside its dist-info."""

    def install(name: str, source: str, *, plugin: str = "", version: str = "1.0") -> None:
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[flops_fit]\n{plugin or module} = {module}\n")
        importlib.invalidate_caches()

    return install
