"""Run as a program: import one plugin, ask for everything that needs no torch, and tell what changed."""

from __future__ import annotations

import json
import locale
import logging
import os
import random
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import scipy.optimize
import scipy.stats

from flops_fit.components import ModelFamily
from flops_fit.hookspecs import PROJECT
from flops_fit.plugins import Offer, load_plugins
from flops_fit_conformance.reference import ReferenceData
from flops_fit_conformance.sweeps import examples

ALLOWED = (np, scipy.optimize, scipy.stats)
"""Imported beforehand, because they add warning filters of their own; the core needs them too."""


class Watch(MetaPathFinder):
    """Notes who imports torch first, and during what."""

    def __init__(self) -> None:
        self.during, self.torch_by, self.torch_during = "nothing", "", ""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing; note the importer."""
        del path, target
        if name == "torch" and not self.torch_by:
            frames = [f for f in traceback.extract_stack() if "importlib" not in f.filename][:-1]
            self.torch_by = f"{frames[-1].filename}:{frames[-1].lineno}"
            self.torch_during = self.during
        return None


def state() -> dict[str, object]:
    """Describe what belongs to the whole process."""
    return {
        "the working directory": os.getcwd(),  # noqa: PTH109 - a string to compare
        "the environment": dict(os.environ),
        "the warning filters": [repr(entry) for entry in warnings.filters],
        "the random state of `random`": random.getstate(),
        "the random state of numpy": np.random.get_state()[1].tobytes(),  # type: ignore[index] # noqa: NPY002
        "sys.path": list(sys.path),
        "the recursion limit": sys.getrecursionlimit(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the root logger": (logging.root.level, len(logging.root.handlers)),
        "sys.excepthook": sys.excepthook,
        "numpy's error settings": np.geterr(),
    }


def observe(name: str) -> dict[str, object]:
    """Import the plugin, then ask for its offers, examples and ladders."""
    watch = Watch()
    sys.meta_path.insert(0, watch)
    before = state()
    watch.during = f"the import of plugin {name!r}"
    next(iter(metadata.entry_points(group=PROJECT, name=name))).load()
    changed = _changed(before)
    watch.during = f"the hooks of plugin {name!r}"
    offers = [offer for offer in _quietly_loaded() if offer.origin.plugin == name]
    for offer in offers:
        watch.during = f"{offer.cls.__name__}.model_json_schema() and .examples()"
        offer.cls.model_json_schema()
        for example in examples([offer.cls]):
            if isinstance(example, ModelFamily):
                watch.during = f"{offer.cls.__name__}.ladder(...)"
                _climb(example)
    return {
        "torch_by": watch.torch_by,
        "torch_during": watch.torch_during,
        "changed": changed or _changed(before),
    }


def _quietly_loaded() -> Sequence[Offer]:
    with warnings.catch_warnings():  # puts the filters back as they were, whatever other plugins do to them
        warnings.simplefilter("ignore")
        return load_plugins().offers


def _climb(model: ModelFamily) -> None:
    for spec in (data.spec() for data in ReferenceData.examples()):
        try:
            model.ladder(1e3, 1e9, spec)
        except Exception:  # noqa: BLE001, S112 - a family need not take every kind of data
            continue


def _changed(before: dict[str, object]) -> list[str]:
    return [name for name, value in state().items() if value != before[name]]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(observe(sys.argv[1])) + "\n")
