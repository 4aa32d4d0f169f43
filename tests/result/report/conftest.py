"""Reports, and what reads them."""

import html.parser
from dataclasses import replace

import pytest

from flops_fit.config import MadeFrom
from flops_fit.design import Finding
from flops_fit.fit import Conventions
from flops_fit.fit.competition import Rival
from flops_fit.fit.points import Excluded
from flops_fit.result import ScalingResult

HOSTILE = "</td></svg>--><script>alert(1)</script><img src=x onerror=alert(2)> \"'&amp; $x_{$ {{ 7 * 7 }}"
VOID = {"meta", "link", "br", "img", "path", "use", "rect"}


class Page(html.parser.HTMLParser):
    """A report as its reader's browser sees it."""

    def __init__(self, source):
        super().__init__()
        self.source, self.tags, self.attributes, self.text, self.open, self.unbalanced = (
            source,
            [],
            [],
            [],
            [],
            [],
        )
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attrs)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "text", "tspan"}:
            self.text.append(" ".join(data.split()))

    @property
    def words(self):
        return " ".join(text for text in self.text if text)

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="session")
def read():
    return Page


@pytest.fixture(scope="session")
def page(fitted, tmp_path_factory):
    """The report of a good law."""
    return Page(ScalingResult(fitted).report(tmp_path_factory.mktemp("good") / "report.html").read_text())


@pytest.fixture(scope="session")
def hostile(fitted):
    """A law in which everything that a user can name is out to harm."""
    made = MadeFrom(
        model=HOSTILE,
        model_options={HOSTILE: HOSTILE},
        data=HOSTILE,
        data_options={"path": HOSTILE},
        epoch=None,
        loss=HOSTILE,
        flop_counter=HOSTILE,
        training={"batch_size": 32, HOSTILE: HOSTILE},
        lr=0.5,
        lr_transfers=False,
        seeds=(0,),
        versions={"flops-fit": HOSTILE},
        hardware=HOSTILE,
    )
    rival = Rival(name=HOSTILE, n_params=(1e7, 3e7), loss=(3.0, 2.8))
    points = replace(
        fitted.points,
        run_ids=tuple(f"{HOSTILE} {i}" for i in range(len(fitted.points))),
        excluded=(Excluded(run_id=HOSTILE, reason=HOSTILE),),
    )
    finding = Finding(code="x", severity="warning", message=HOSTILE, action=HOSTILE)
    return replace(
        fitted,
        unit=HOSTILE,
        points=points,
        findings=(finding,),
        rivals=(rival, rival),
        made_from=made,
        conventions=Conventions(loss_unit=HOSTILE),
    )
