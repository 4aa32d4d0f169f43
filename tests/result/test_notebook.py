"""What notebooks show."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

import flops_fit
from flops_fit.result import ScalingResult


class Tags(HTMLParser):
    """Collects the elements of a page and the text between them; complains about those left open."""

    def __init__(self, page):
        super().__init__()
        self.opened, self.seen, self.text = [], set(), ""
        self.feed(page)
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def hostile(bad_law):
    """A law whose user chose its names badly."""
    return ScalingResult(replace(bad_law, unit="<script>alert(1)</script>"))


def test_a_result_is_shown_as_its_table_and_a_prediction_as_its_card(hostile):
    card = Tags(hostile.predict(1e16, accept_unreliable=True)._repr_html_())
    table = Tags(hostile._repr_html_())
    for page in (card, table):
        assert "table" in page.seen
        assert "script" not in page.seen
        assert "<script>alert(1)</script>" in page.text
    assert "The best size lies beyond the sizes trained." in card.text
    assert "UNRELIABLE" in card.text
    assert "UNRELIABLE" in table.text


def test_a_curve_is_shown_as_text():
    runs = [{"N": 1e6, "D": d, "loss": 2 + 100 * d**-0.3} for d in (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)]
    pd = pytest.importorskip("pandas")
    page = Tags(flops_fit.fit_runs(pd.DataFrame(runs), form="m1")._repr_html_())
    assert page.seen == {"pre"}
    assert "Fit 'm1' to 7 runs" in page.text


def test_tables_and_pictures_are_shown_too(hostile):
    """Pictures though pyplot, which would have notebooks show them, knows nothing of them."""
    assert "table" in Tags(hostile.chinchilla_table()._repr_html_()).seen
    assert hostile.plot()._repr_png_().startswith(b"\x89PNG")
