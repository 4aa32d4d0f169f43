"""The options of the suite, for pytest. Loaded in every run of pytest, so it imports next to nothing."""

from __future__ import annotations

import pytest

PACKAGE = "flops_fit_conformance"
NAMES: pytest.StashKey[list[str]] = pytest.StashKey()
ALL_LOADED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the plugins to check."""
    parser.getgroup("flops-fit-conformance").addoption(
        "--flops-fit-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="name of an installed flops-fit plugin to check (its entry point); may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run the suite without a plugin, or for one that is not installed."""
    asked: list[str] = config.getoption("--flops-fit-plugin")
    suite = any(str(arg).partition("::")[0] == PACKAGE for arg in config.args)
    if not asked and not suite:
        return
    from flops_fit.plugins import installed

    known = [plugin.plugin for plugin in installed()]
    if not asked:
        raise pytest.UsageError(f"which plugin? --flops-fit-plugin NAME; installed: {', '.join(known)}")
    if missing := [name for name in asked if name not in known]:
        raise pytest.UsageError(f"{', '.join(missing)} is not installed; installed: {', '.join(known)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for one test per check and subject, where this suite is what pytest runs."""
    if metafunc.module.__name__.rpartition(".")[2] != "test_clauses" or "clause" not in metafunc.fixturenames:
        return
    from flops_fit_conformance.checks import CHECKS
    from flops_fit_conformance.subjects import cases_of, plugin_of

    plugins = [plugin_of(name) for name in metafunc.config.getoption("--flops-fit-plugin")]
    pairs = [(check, case) for plugin in plugins for case in cases_of(plugin) for check in CHECKS[case.group]]
    names = [f"{check.__name__}-{case.name}" for check, case in pairs]
    metafunc.config.stash[ALL_LOADED] = not any(plugin.failure for plugin in plugins)
    metafunc.config.stash[NAMES] = names
    metafunc.parametrize("clause", pairs, ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the known failures; each must fail, or its declaration is out of date."""
    if NAMES not in config.stash:
        return
    from flops_fit_conformance.known_failures import BadDeclaration, read_known_failures, refuse_stale

    try:
        known = read_known_failures(config.invocation_params.dir)
        if config.stash[ALL_LOADED]:  # else nobody knows what its components are called
            names: list[str] = config.stash[NAMES]
            refuse_stale(known, names)
    except BadDeclaration as error:
        raise pytest.UsageError(str(error)) from None
    for item in items:
        if reason := known.get(item.name.partition("[")[2].rstrip("]")):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
