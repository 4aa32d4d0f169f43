"""A picture by its name: its panels on a figure as wide as a column, a title, a caption with caveats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from io import BytesIO
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flops_fit.errors import FitError, text_argument
from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.fit.hindsight import hindsight_of
from flops_fit.result.doubts import general_caveats
from flops_fit.result.plots.backtest import about_backtest, draw_backtest
from flops_fit.result.plots.curve import about_curve, draw_curve
from flops_fit.result.plots.isoflop import about_isoflop, draw_isoflop
from flops_fit.result.plots.path import Answer, about_path, draw_path
from flops_fit.result.plots.residuals import Against, about_residuals, draw_residuals, residuals_of
from flops_fit.result.plots.style import ALARM, DOUBLE_COLUMN, literal, styled
from flops_fit.result.plots.surface import about_surface, draw_surface

_PANEL_SHAPE = 0.78
"""Height over width of a panel."""
_NARROWEST_PANEL = 2.2
_CAPTION_SIZE, _CAPTION_LINE = 6.5, 0.125
_LETTERS_PER_INCH = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn, and what is said about it."""

    title: str
    panels: tuple[Callable[[Axes], Axes], ...]
    caption: tuple[str, ...]


class Drawing(Figure):
    """A figure that notebooks show, though pyplot, which would tell them how, knows nothing of it."""

    def _repr_png_(self) -> bytes:
        png = BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()


def figure_of(
    law: ScalingLaw, name: str = "overview", *, width: float = DOUBLE_COLUMN, framed: bool = True
) -> Figure:
    """Draw a picture; nothing is shown or saved.

    Args:
        law: What to draw.
        name: One of `picture_names`.
        width: Inches, e.g. `SINGLE_COLUMN` or `DOUBLE_COLUMN`.
        framed: Whether title and caption are part of the figure.

    Raises:
        FitError: the law has no such picture (`unknown-picture`) or too few runs for it (`no-hindsight`).
    """
    return figure_with(law, picture_of(law, name), width=width, framed=framed)


def figure_with(law: ScalingLaw, picture: Picture, *, width: float, framed: bool) -> Figure:
    """Draw a picture that is known already."""
    n_columns = min(len(picture.panels), max(int(width / _NARROWEST_PANEL), 1))
    n_columns = 2 if len(picture.panels) == 4 and n_columns > 2 else n_columns
    n_rows = -(-len(picture.panels) // n_columns)
    caption = _wrapped([" ".join(picture.caption), *general_caveats(law)], width) if framed else []
    spare = _CAPTION_LINE * len(caption) + 0.3 if framed else 0.0
    with styled():
        figure = Drawing(
            figsize=(width, n_rows * _PANEL_SHAPE * width / n_columns + spare), layout="constrained"
        )
        for i, draw in enumerate(picture.panels):
            draw(figure.add_subplot(n_rows, n_columns, i + 1))
        if framed:
            _frame(figure, law, picture.title, caption)
    return figure


def picture_of(law: ScalingLaw, name: str) -> Picture:
    """Return what a picture of a law shows.

    Raises:
        FitError: as `figure_of`.
    """
    pictures = _pictures(law)
    if name not in pictures:
        kind = f"the curve {law.headline.name!r}" if isinstance(law.headline, CurveLaw) else "this law"
        raise FitError(
            f"There is no picture {name!r} of {kind}; pictures: {', '.join(pictures)}.",
            fix=text_argument("picture", next(iter([*get_close_matches(name, pictures, n=1), *pictures]))),
            code="unknown-picture",
        )
    return pictures[name](law)


def picture_names(law: ScalingLaw) -> tuple[str, ...]:
    """Name the pictures that there are of a law."""
    return tuple(_pictures(law))


def marks_of(law: ScalingLaw) -> list[str]:
    """Return what must stand on everything that is drawn or said of a law."""
    simulated = ["SIMULATED"] if law.points.simulated else []
    return [*simulated, "UNRELIABLE"] if law.status == "unreliable" else simulated


def _pictures(law: ScalingLaw) -> Mapping[str, Callable[[ScalingLaw], Picture]]:
    return _OF_CURVES if isinstance(law.headline, CurveLaw) else _OF_SIZES


def _overview(law: ScalingLaw) -> Picture:
    return Picture(
        title=f"Compute-optimal training from {len(law.points)} runs",
        panels=(
            partial(draw_isoflop, law=law),
            partial(draw_path, law=law, answer="n_params"),
            partial(draw_path, law=law, answer="n_units", legend=False),
            partial(draw_path, law=law, answer="loss", legend=False),
        ),
        caption=(
            "First panel, over N.",  # marks mean one thing over N and another over C
            *about_isoflop(law),
            "Other panels, over C.",
            *about_path(law),
        ),
    )


def _isoflop(law: ScalingLaw) -> Picture:
    title = "IsoFLOP curves" if law.minima else "Runs and the law at five computes"
    return Picture(title=title, panels=(partial(draw_isoflop, law=law),), caption=(*about_isoflop(law),))


def _path(title: str, answer: Answer, law: ScalingLaw) -> Picture:
    return Picture(
        title=title, panels=(partial(draw_path, law=law, answer=answer),), caption=(*about_path(law),)
    )


def _surface(law: ScalingLaw) -> Picture:
    return Picture(
        title="Loss surface", panels=(partial(draw_surface, law=law),), caption=(*about_surface(law),)
    )


def _residuals(law: ScalingLaw) -> Picture:
    left = residuals_of(law)
    against: tuple[Against, ...] = ("n_params", "n_units", "flops")
    if isinstance(law.headline, CurveLaw):
        against = ("n_units",) if law.headline.over == "data" else ("flops",)
    return Picture(
        title="Residuals",
        panels=tuple(partial(draw_residuals, law=law, against=x, left=left) for x in against),
        caption=(*about_residuals(left),),
    )


def _backtest(law: ScalingLaw) -> Picture:
    looks = hindsight_of(law)
    if not looks:
        raise FitError(
            f"These {len(law.points)} runs are too few to set any aside and forecast them.",
            fix="train a fourth budget, or draw another picture",
            code="no-hindsight",
        )
    draw = partial(draw_backtest, law=law, looks=looks)
    sizes_too = any(forecast.n_params for look in looks for forecast in look.forecasts)
    return Picture(
        title="What this sweep would have predicted",
        panels=(
            *([partial(draw, asked="n_params")] * sizes_too),
            partial(draw, asked="loss", legend=not sizes_too),
        ),
        caption=(*about_backtest(looks),),
    )


def _curve(law: ScalingLaw) -> Picture:
    curve = law.headline
    if not isinstance(curve, CurveLaw):
        raise TypeError(f"{curve.name!r} is no curve")
    return Picture(
        title=f"Loss curve from {len(curve.x)} runs",
        panels=(partial(draw_curve, law=law, curve=curve),),
        caption=(*about_curve(curve),),
    )


_OF_SIZES: Mapping[str, Callable[[ScalingLaw], Picture]] = {
    "overview": _overview,
    "isoflop": _isoflop,
    "size": partial(_path, "Best size", "n_params"),
    "data": partial(_path, "Best amount of data", "n_units"),
    "loss": partial(_path, "Least loss", "loss"),
    "ratio": partial(_path, "Data per parameter", "ratio"),
    "surface": _surface,
    "residuals": _residuals,
    "backtest": _backtest,
}
_OF_CURVES: Mapping[str, Callable[[ScalingLaw], Picture]] = {
    "overview": _curve,
    "curve": _curve,
    "residuals": _residuals,
    "backtest": _backtest,
}


def _frame(figure: Figure, law: ScalingLaw, title: str, caption: list[str]) -> None:
    marks = marks_of(law)
    figure.suptitle(literal(" - ".join([*marks, title])), color=ALARM if marks else "black")
    figure.supxlabel(literal("\n".join(caption)), fontsize=_CAPTION_SIZE, x=0.01, ha="left")


def _wrapped(paragraphs: list[str], width: float) -> list[str]:
    return [line for text in paragraphs for line in wrap(text, int(width * _LETTERS_PER_INCH))]
