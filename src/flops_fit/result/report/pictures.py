"""The pictures of a report: drawn to one column's width, as SVG inside the page."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from flops_fit.errors import FitError
from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.result.plots.figures import figure_with, picture_of
from flops_fit.result.plots.style import SINGLE_COLUMN, styled
from flops_fit.result.plots.training import draw_curves
from flops_fit.result.report.sweep import Kept

_OF_SIZES = ("isoflop", "size", "data", "loss", "ratio", "surface", "backtest", "residuals")
_OF_CURVES = ("curve", "backtest", "residuals")
_ID = re.compile(r'(\bid="|href="#|url\(#)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One picture, or why there is none."""

    name: str
    title: str
    caption: str
    svg: Markup


def pictures_of(law: ScalingLaw, kept: Kept | None) -> tuple[Shown, ...]:
    """Draw every picture that there is of a law, and how the losses fell where that was kept."""
    return (*_of_law(law), *_of_training(law, kept))


def _of_law(law: ScalingLaw) -> Iterator[Shown]:
    for name in _OF_CURVES if isinstance(law.headline, CurveLaw) else _OF_SIZES:
        try:
            picture = picture_of(law, name)
        except FitError as error:
            yield Shown(name=name, title=f"No {name}", caption=error.problem, svg=Markup())
            continue
        figure = figure_with(law, picture, width=SINGLE_COLUMN, framed=False)
        yield Shown(
            name=name,
            title=picture.title,
            caption=" ".join(picture.caption),
            svg=_inline(figure, name, picture.title),
        )


def _of_training(law: ScalingLaw, kept: Kept | None) -> Iterator[Shown]:
    drawn = [] if kept is None else [record for record in kept.records if record.run_id in kept.curves]
    if kept is not None and drawn:
        figure = draw_curves(drawn, kept.curves, loss_unit=law.loss_unit, width=SINGLE_COLUMN)
        figure.suptitle("")
        yield Shown(
            name="training",
            title="Training",
            caption=f"How the losses of {len(drawn)} runs fell; runs of one size share their first steps.",
            svg=_inline(figure, "training", "Training curves"),
        )


def _inline(figure: Figure, name: str, title: str) -> Markup:
    """Return a figure as an SVG element whose size follows the page and whose ids are its own."""
    file = io.StringIO()
    with styled():
        figure.savefig(file, format="svg", transparent=True)
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', rf'\1 role="img" aria-label="{title}"', svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return Markup(_ID.sub(rf"\g<1>{name}-", svg))  # noqa: S704 - matplotlib escapes the text of its SVG
