"""What lower runs would have said of the upper ones, against what was found there."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from flops_fit.fit import CurveLaw, Estimate, ScalingLaw
from flops_fit.fit.hindsight import Forecast, Hindsight
from flops_fit.result.plots.axes import count_axis, flops_axis, short_count, short_flops
from flops_fit.result.plots.style import GUIDE, LINE, MINIMUM, SECOND

Asked = Literal["n_params", "loss"]

_COLOURS, _MARKERS = (LINE, SECOND, MINIMUM), ("o", "s", "^")
_ASIDE = 0.015
"""Share of the axis by which forecasts of the same thing stand beside each other."""
_MOST_TICKS = 4
"""Computes asked about that can each be named on the axis."""
_MOST_BARS = 12
"""Forecasts from one origin beyond which their intervals would cover each other."""


def draw_backtest(
    ax: Axes, law: ScalingLaw, looks: Sequence[Hindsight], *, asked: Asked, legend: bool = True
) -> Axes:
    """Draw each forecast over what was found, less 1, in percent, with its 95% interval; 0 is a hit."""
    ax.axhline(0, color=GUIDE, linewidth=0.8, zorder=1)
    span = np.log(max(f.at for look in looks for f in look.forecasts) / min(look.seen for look in looks))
    for i, look in enumerate(looks):
        aside = float(np.exp(_ASIDE * span * (i - 1)))
        _draw_look(ax, look, i, asked=asked, aside=aside, label=f"≤ {_amount(law, look.seen)}")
    if _over_data(law):
        count_axis(ax.xaxis, f"D, {law.unit}s")
    else:
        flops_axis(ax.xaxis)
    asked_at = sorted({forecast.at for look in looks for forecast in look.forecasts})
    if len(asked_at) <= _MOST_TICKS:
        ax.xaxis.set_major_locator(FixedLocator(asked_at))
        ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("N* forecast over found, %" if asked == "n_params" else "L forecast over found, %")
    if legend:
        title = f"shown, {law.unit}s" if _over_data(law) else "shown, FLOPs"
        ax.legend(
            title=title, title_fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(looks)
        )
    return ax


def about_backtest(looks: Sequence[Hindsight]) -> Iterator[str]:
    """Say what the picture shows, and how often intervals held what was found."""
    yield "The same law fitted to lower runs only, asked about the upper ones; bars are 95% intervals."
    yield f"Of them, {' '.join(held_by(looks))}"


def held_by(looks: Sequence[Hindsight]) -> Iterator[str]:
    """Count the intervals that held what was found: a sentence in one or two parts."""
    forecasts = [forecast for look in looks for forecast in look.forecasts]
    kinds: tuple[tuple[Asked, str], ...] = (("n_params", "N*"), ("loss", "L"))
    for asked, what in kinds:
        misses = [miss for f in forecasts if (miss := _miss(f, asked)) is not None]
        if misses:
            end = "," if asked == "n_params" else "."
            yield f"{sum(m.held for m in misses)} of {len(misses)} intervals held {what}{end}"


class _Miss:
    """One forecast over what was found, in percent."""

    def __init__(self, forecast: Estimate, found: float) -> None:
        self.value, self.low, self.high = (
            100 * (x / found - 1) for x in (forecast.value, forecast.interval.low, forecast.interval.high)
        )

    @property
    def held(self) -> bool:
        return self.low <= 0 <= self.high


def _miss(forecast: Forecast, asked: Asked) -> _Miss | None:
    if asked == "loss":
        return _Miss(forecast.loss, forecast.found_loss)
    if forecast.n_params is None or forecast.found_n_params is None:
        return None
    return _Miss(forecast.n_params, forecast.found_n_params)


def _draw_look(ax: Axes, look: Hindsight, i: int, *, asked: Asked, aside: float, label: str) -> None:
    shown = [(f.at * aside, miss) for f in look.forecasts if (miss := _miss(f, asked)) is not None]
    x, values = [at for at, _ in shown], [miss.value for _, miss in shown]
    bars = [[m.value - m.low for _, m in shown], [m.high - m.value for _, m in shown]]
    ax.errorbar(
        x,
        values,
        yerr=np.maximum(bars, 0) if len(shown) <= _MOST_BARS else None,
        fmt=_MARKERS[i % len(_MARKERS)],
        color=_COLOURS[i % len(_COLOURS)],
        markersize=3.5,
        elinewidth=0.9,
        capsize=1.8,
        label=label,
    )


def _over_data(law: ScalingLaw) -> bool:
    return isinstance(law.headline, CurveLaw) and law.headline.over == "data"


def _amount(law: ScalingLaw, seen: float) -> str:
    return short_count(seen) if _over_data(law) else short_flops(seen)
