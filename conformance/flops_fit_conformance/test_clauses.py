"""What `pytest --pyargs flops_fit_conformance` collects: one test per clause and subject."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from flops_fit.errors import PluginWarning
from flops_fit_conformance.breach import verdict
from flops_fit_conformance.subjects import Case


def test_clause(clause: tuple[Callable[[Any], None], Case]) -> None:
    """Fail with one line where a component breaks a clause of the contract."""
    check, case = clause
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # of other plugins; the plugin's own are checked
        breach = verdict(check, case.make)
    if breach is not None:
        pytest.fail(f"{check.__name__}, {case.name}: {breach}", pytrace=False)
