"""One broken plugin is reported and left out; everything else loads."""

import json
import os
import subprocess
import sys
import types
import warnings

import pytest

from flops_fit import plugins
from flops_fit.errors import PluginWarning

ALONE = "good"


def load(**kwargs):
    """Load everything and return the registry with the warnings of the plugins installed by a test."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registry = plugins.load_plugins(**kwargs)
    return registry, [str(w.message) for w in caught if w.category is PluginWarning]


def about(name, messages):
    return [message for message in messages if message.startswith(f"plugin {name!r}")]


def failure(registry, name):
    return next(failure for failure in registry.failures if failure.origin.plugin == name)


def test_an_installed_plugin_offers_its_components(install, good):
    install("acme-losses", good("acme"))
    registry, messages = load()
    origin = registry.origin(registry.components("loss")["acme"])
    assert (origin.plugin, origin.distribution) == ("acme_losses", "acme-losses 1.0")
    assert about("acme_losses", messages) == []


def broken_sources(good):
    fine = good("broken")
    return {
        "raises at import": ("raise ImportError('no such accelerator')", "ImportError: no such accelerator"),
        "exits at import": ("raise SystemExit('bye')", "SystemExit: bye"),
        "has a syntax error": ("def", "SyntaxError"),
        "speaks another API": (fine.replace("version = 1", "version = 7"), "flops_fit_api_version = 7"),
        "says no API version": (
            fine.replace("flops_fit_api_version = 1", ""),
            "flops_fit_api_version = None",
        ),
        "misspells a hook": (
            fine.replace("def flops_fit_losses", "def flops_fit_lossess"),
            "implements flops_fit_lossess, which is no hook",
        ),
        "forgets the decorator": (fine.replace("@hookimpl", ""), "implements none of the hooks"),
        "gives a hook an argument": (fine.replace("losses()", "losses(config)"), "config"),
        "raises in a hook": (fine.replace("return [Loss]", "raise KeyError('x')"), "KeyError"),
        "returns a class": (fine.replace("return [Loss]", "return Loss"), "TypeError"),
        "returns an instance": (
            fine.replace("return [Loss]", "return [Loss()]"),
            "flops_fit_losses returned Loss(",
        ),
        "uses the wrong hook": (
            fine.replace("flops_fit_losses", "flops_fit_models"),
            "flops_fit_models returned <class 'broken.Loss'>",
        ),
        "has an open kind": (
            fine.replace('kind: Literal["broken"] =', "kind: str ="),
            "Loss has no fixed kind",
        ),
        "has two kinds": (fine.replace('Literal["broken"] =', 'Literal["broken", "b"] ='), "no fixed kind"),
        "has no default kind": (
            fine.replace('Literal["broken"] = "broken"', 'Literal["broken"]'),
            "no fixed kind",
        ),
        "stays abstract": (fine.replace("__call__", "call"), "Loss does not implement __call__"),
        "repeats a kind": (
            fine.replace("return [Loss]", "return [Loss, Other]") + "\nclass Other(Loss):\n    pass\n",
            "Loss and Other are both called 'broken'",
        ),
        "has options without a schema": (
            fine.replace("    def __call__", "    hook: type(lambda: 0) = print\n    def __call__"),
            "Pydantic",
        ),
    }


@pytest.mark.parametrize("defect", broken_sources(lambda kind: ""))
def test_a_plugin_that(defect, install, good):
    """Is left out with one warning that names it, beside a good one that loads."""
    source, reason = broken_sources(good)[defect]
    install("broken", source, version="0.3")
    install("fine", good("fine"))
    registry, messages = load()
    assert reason in failure(registry, "broken").problem
    [message] = about("broken", messages)
    assert message.startswith("plugin 'broken' (broken 0.3) is left out: ")
    assert reason in message
    assert "\n  fix: " in message
    assert "fine" in registry.components("loss")
    assert "broken" not in registry.components("loss")
    assert "Traceback" in failure(registry, "broken").trace


def test_a_misspelt_hook_is_told_its_right_name(install, good):
    install("broken", good("x").replace("def flops_fit_losses", "def flops_fit_lossess"))
    registry, _ = load()
    assert failure(registry, "broken").fix == "use 'flops_fit_losses'"


def test_a_plugin_counts_with_all_its_components_or_with_none(install, good):
    bad = "\nclass Bad(LossFunction):\n    kind: Literal['bad'] = 'bad'\n"
    install("broken", good("half").replace("[Loss]", "[Loss, Bad]") + bad)
    registry, _ = load()
    assert "half" not in registry.components("loss")


def test_two_plugins_with_one_component_name_get_it_neither(install, good):
    install("first", good("same"))
    install("second", good("same"))
    install("third", good("third"))
    registry, messages = load()
    [conflict] = registry.conflicts()
    assert [origin.plugin for origin in conflict.origins] == ["first", "second"]
    assert "same" not in registry.components("loss")
    assert "third" in registry.components("loss")
    [message] = [m for m in messages if "'same'" in m]
    assert "plugin 'first' (first 1.0) and plugin 'second' (second 1.0), so neither is used" in message
    assert "set FLOPS_FIT_DISABLE_PLUGINS=first or FLOPS_FIT_DISABLE_PLUGINS=second" in message


def test_switching_one_of_two_rivals_off_settles_the_conflict(install, good, monkeypatch):
    install("first", good("same"))
    install("second", good("same"))
    monkeypatch.setenv("FLOPS_FIT_DISABLE_PLUGINS", "first")
    registry, _ = load()
    assert registry.origin(registry.components("loss")["same"]).plugin == "second"
    assert registry.disabled == ("first",)


def test_two_distributions_with_one_plugin_name_load_neither(install, good):
    install("first", good("one"), plugin="twin")
    install("second", good("two"), plugin="twin")
    registry, messages = load()
    assert not {"one", "two"} & set(registry.components("loss"))
    [message] = about("twin", messages)
    assert "first 1.0 (first) and second 1.0 (second)" in message


def test_a_blocked_plugin_is_not_even_imported(install, monkeypatch):
    install("broken", "raise ImportError")
    monkeypatch.setenv("FLOPS_FIT_DISABLE_PLUGINS", "other, broken")
    registry, messages = load()
    assert about("broken", messages) == []
    assert "broken" not in sys.modules
    assert registry.disabled == ("other", "broken")


def test_an_allow_list_loads_only_what_it_names_beside_the_core(install, good, monkeypatch):
    install("wanted", good("wanted"))
    install("unwanted", good("unwanted"))
    monkeypatch.setenv("FLOPS_FIT_LOAD_PLUGINS", "wanted")
    registry, _ = load()
    assert "wanted" in registry.components("loss")
    assert {offer.origin.plugin for offer in registry.offers} <= {"flops_fit", "wanted"}


def test_a_misspelt_name_in_the_allow_list_is_reported(install, good, monkeypatch):
    install("wanted", good("wanted"))
    monkeypatch.setenv("FLOPS_FIT_LOAD_PLUGINS", "wnated")
    registry, _ = load()
    assert failure(registry, "wnated").fix == "use 'wanted'"


@pytest.mark.parametrize(("value", "loaded"), [("1", False), ("true", False), ("0", True), ("", True)])
def test_autoload_can_be_switched_off(value, loaded, install, good, monkeypatch):
    install("acme", good("acme"))
    monkeypatch.setenv("FLOPS_FIT_DISABLE_PLUGIN_AUTOLOAD", value)
    registry, _ = load()
    assert ("acme" in registry.components("loss")) is loaded


def test_modules_can_be_registered_at_run_time(good):
    module = types.ModuleType("here")
    exec(good("here"), module.__dict__)
    registry, _ = load(extra={"here": module}, autoload=False)
    assert registry.origin(registry.components("loss")["here"]).distribution == "registered at run time"


def test_the_core_loads_without_its_entry_point(monkeypatch):
    """A source tree on PYTHONPATH has no metadata."""
    monkeypatch.setattr("flops_fit.plugins.loading.metadata.entry_points", lambda group: [])
    assert [plugin.module for plugin in plugins.installed()] == ["flops_fit.builtin.hooks"]


def test_the_registry_is_loaded_once_and_can_be_replaced():
    replacement = plugins.Registry(offers=())
    plugins.use(replacement)
    try:
        assert plugins.registry() is replacement
    finally:
        plugins.use(None)


def test_listing_imports_no_plugin_and_nothing_slow(install, site):
    install("broken", "raise ImportError")
    code = (
        "import json, sys; from flops_fit import plugins; rows = plugins.installed();"
        "print(json.dumps([[r.plugin, r.distribution, r.module] for r in rows]));"
        "sys.exit(bool({'broken', 'pydantic', 'torch', 'numpy', 'flops_fit.builtin'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ["broken", "broken 1.0", "broken"] in json.loads(done.stdout)


def test_the_list_marks_what_is_disabled(install, monkeypatch, good):
    install("acme", good("acme"))
    monkeypatch.setenv("FLOPS_FIT_DISABLE_PLUGINS", "acme")
    lines = plugins.describe_installed(plugins.installed()).splitlines()
    [line] = [line for line in lines if line.startswith("acme")]
    assert line.split() == ["acme", "acme", "1.0", "acme", "disabled"]
