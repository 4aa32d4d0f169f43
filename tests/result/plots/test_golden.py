"""Pictures look as they did. Text is left out: its pixels differ from one version of freetype to the next.

After a change that is meant, draw them anew (FLOPS_FIT_NEW_GOLDEN=1 pytest THIS_FILE) and look at them.
"""

import os
from functools import partial
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from flops_fit.fit import Estimate
from flops_fit.fit.hindsight import Forecast, Hindsight
from flops_fit.quantities import Interval
from flops_fit.result.plots import SINGLE_COLUMN, draw_backtest, figure_of
from flops_fit.result.plots.figures import Picture, figure_with

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 4.0
"""Root mean square over 255 levels. Measured: below 3.4 where the dots of IsoFLOP curves move by a third of a
pixel; from 6 to 26 where bands, lines, dots or the shading of the range trained are missing. The hairlines
of intervals of N* are too thin for this test (0.6) and have one of their own."""
PICTURES = (
    ("of a plugin", "isoflop"),
    ("of a plugin", "size"),
    ("of a plugin", "ratio"),
    ("of a plugin", "surface"),
    ("of a plugin", "residuals"),
    ("of a plugin", "backtest"),
    ("valley", "isoflop"),
    ("curve over data", "curve"),
)
"""Mostly of a law that is written down by hand, so that pictures change only with the drawing of them."""


def estimate(value, factor):
    return Estimate(value=value, interval=Interval(value / factor, value * factor))


def look(seen, *ahead):
    return Hindsight(
        seen=seen,
        forecasts=tuple(
            Forecast(
                at=at,
                loss=estimate(3.0 * (1 + miss / 10), 1.02),
                found_loss=3.0,
                n_params=estimate(1e7 * (1 + miss), 1.3),
                found_n_params=1e7,
            )
            for at, miss in ahead
        ),
    )


LOOKS = (look(1e15, (1e16, 0.1), (1e17, 0.2)), look(1e16, (1e17, -0.1)))


def figure_for(law, name):
    if name != "backtest":
        return figure_of(law, name, width=SINGLE_COLUMN, framed=False)
    panels = [partial(draw_backtest, law=law, looks=LOOKS, asked=asked) for asked in ("n_params", "loss")]
    picture = Picture(title="", panels=tuple(panels), caption=())
    return figure_with(law, picture, width=SINGLE_COLUMN, framed=False)


def drawn(law, name, path):
    figure = figure_for(law, name)
    for ax in figure.axes:
        if ax.get_legend() is not None:
            ax.get_legend().remove()
        ax.set(xlabel="", ylabel="")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
        for text in ax.findobj(Text):
            text.set_visible(False)
    figure.savefig(path, dpi=50)
    return path


@pytest.mark.parametrize(("kind", "name"), PICTURES)
def test_a_picture_looks_as_it_did(laws, tmp_path, kind, name):
    file = f"{name}-{kind.replace(' ', '-')}.png"
    if os.environ.get("FLOPS_FIT_NEW_GOLDEN"):
        drawn(laws[kind], name, GOLDEN / file)
    found = drawn(laws[kind], name, tmp_path / file)
    assert compare_images(str(GOLDEN / file), str(found), tol=TOLERANCE) is None
