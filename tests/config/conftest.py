"""Specs over components that do nothing but exist."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flops_fit import plugins

sys.path.insert(0, str(Path(__file__).parent))
import tiny_plugin


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let specs name the components of `tiny_plugin`, and no others."""
    monkeypatch.setenv("FLOPS_FIT_DISABLE_PLUGINS", "flops_fit")
    plugins.use(plugins.load_plugins(extra={"tiny": tiny_plugin}, autoload=False))
    yield tiny_plugin
    plugins.use(None)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a file into the working directory of the test and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "sweep.yaml") -> str:
        Path(name).write_text(text, encoding="utf-8")
        return name

    return write
