"""The options of the suite, for pytest. Loaded in every run of pytest, so it imports next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flops_fit_conformance.subjects import Case


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the plugins to check."""
    group = parser.getgroup("flops-fit-conformance")
    group.addoption(
        "--flops-fit-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="name of an installed flops-fit plugin to check (its entry point); may be repeated",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for one test per check and subject, where this suite is what pytest runs."""
    if metafunc.module.__name__.rpartition(".")[2] != "test_clauses" or "clause" not in metafunc.fixturenames:
        return
    from flops_fit_conformance.checks import CHECKS
    from flops_fit_conformance.known_failures import BadDeclaration, read_known_failures, refuse_stale

    cases = [case for name in _plugins(metafunc.config) for case in _cases(name)]
    pairs = [(check, case) for case in cases for check in CHECKS[case.group]]
    names = [f"{check.__name__}-{case.name}" for check, case in pairs]
    try:
        known = read_known_failures(metafunc.config.invocation_params.dir)
        refuse_stale(known, names)
    except BadDeclaration as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize(
        "clause",
        [
            pytest.param((check, case), id=name, marks=_marks(known.get(name)))
            for name, (check, case) in zip(names, pairs, strict=True)
        ],
    )


def _plugins(config: pytest.Config) -> Sequence[str]:
    """Return the plugins asked for, as their entry points are called.

    Raises:
        UsageError: none was asked for, or one is not installed.
    """
    from flops_fit.plugins import installed

    asked: list[str] = config.getoption("--flops-fit-plugin")
    known = [plugin.plugin for plugin in installed()]
    if not asked:
        raise pytest.UsageError(f"which plugin? --flops-fit-plugin NAME; installed: {', '.join(known)}")
    if missing := [name for name in asked if name not in known]:
        raise pytest.UsageError(f"{', '.join(missing)} is not installed; installed: {', '.join(known)}")
    return asked


def _cases(name: str) -> Sequence[Case]:
    from flops_fit_conformance.subjects import cases_of, plugin_of

    return list(cases_of(plugin_of(name)))


def _marks(reason: str | None) -> Sequence[pytest.MarkDecorator]:
    return () if reason is None else (pytest.mark.xfail(reason=reason, strict=True),)
