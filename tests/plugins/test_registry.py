"""A name that a spec cannot find is explained: near misses, what is installed, what is broken."""

import json
from typing import Literal

import pytest

from flops_fit.components import FitForm
from flops_fit.errors import PluginError
from flops_fit.plugins import Failure, Offer, Origin, Registry

ACME = Origin(plugin="acme", distribution="acme-forms 1.2")
RIVAL = Origin(plugin="rival", distribution="rival 0.1")


class Kaplan(FitForm):
    kind: Literal["kaplan"] = "kaplan"


class Valley(FitForm):
    kind: Literal["valley"] = "valley"


def offer(cls, origin=ACME):
    return Offer(component="fit", kind=cls.model_fields["kind"].default, cls=cls, origin=origin)


WORKING = Registry(offers=(offer(Valley), offer(Kaplan)))
BROKEN = Registry(
    offers=(offer(Valley), offer(Valley, RIVAL), offer(Kaplan)),
    failures=(
        Failure(origin=Origin(plugin="imp", distribution="imp 0.3"), problem="ImportError: x", fix="mend it"),
    ),
    disabled=("gpt",),
)


def test_a_name_finds_its_class():
    assert WORKING.find("fit", "kaplan") is Kaplan
    assert list(WORKING.components("fit")) == ["kaplan", "valley"]
    assert WORKING.components("model") == {}


def test_an_unknown_name_lists_near_misses_and_everything_installed():
    with pytest.raises(
        PluginError, match="no fit form is called 'kaplam'; installed: kaplan, valley"
    ) as caught:
        WORKING.find("fit", "kaplam")
    assert (caught.value.fix, caught.value.code) == ("use 'kaplan'", "unknown-component")


def test_an_unknown_name_of_an_empty_type_says_so():
    with pytest.raises(PluginError, match="no model is called 'gpt'; installed: none"):
        WORKING.find("model", "gpt")


def test_an_unknown_name_names_the_plugins_that_may_have_offered_it():
    with pytest.raises(
        PluginError, match=r"plugin 'imp' \(imp 0.3\) is left out: ImportError: x; plugin 'gpt' is dis"
    ):
        BROKEN.find("model", "gpt")


def test_a_contested_name_is_told_from_an_unknown_one():
    with pytest.raises(PluginError, match=r"offered by plugin 'acme' .* and plugin 'rival'") as caught:
        BROKEN.find("fit", "valley")
    assert caught.value.code == "plugin-conflict"


def test_the_origin_of_a_class_that_nobody_offers_is_unknown():
    assert WORKING.origin(Kaplan) == ACME
    assert WORKING.origin(FitForm) is None


def test_the_report_shows_bad_news_in_capitals():
    lines = BROKEN.describe().splitlines()
    assert lines[:3] == [
        "fit  kaplan  acme-forms 1.2",
        "BROKEN: plugin 'imp' (imp 0.3) is left out: ImportError: x",
        "  fix: mend it",
    ]
    assert lines[3].startswith(
        "CONFLICT: fit 'valley' is offered by plugin 'acme' (acme-forms 1.2) and plugin 'rival'"
    )
    assert lines[4].endswith("or set FLOPS_FIT_DISABLE_PLUGINS=acme or FLOPS_FIT_DISABLE_PLUGINS=rival")
    assert lines[5:] == ["disabled: gpt"]


def test_the_summary_is_json():
    summary = json.loads(json.dumps(BROKEN.summary()))
    assert [row["kind"] for row in summary["components"]] == ["kaplan"]
    assert summary["conflicts"][0]["kind"] == "valley"
    assert summary["failures"][0]["origin"]["plugin"] == "imp"
