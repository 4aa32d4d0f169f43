"""The loss over data or compute alone: the runs, the curve and its interval."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.result.plots.axes import count_axis, flops_axis, loss_axis
from flops_fit.result.plots.style import BAND, LINE, MINIMUM, RANGE, RANGE_EDGE, literal

_AHEAD = 10.0


def draw_curve(ax: Axes, law: ScalingLaw, *, curve: CurveLaw, legend: bool = True) -> Axes:
    """Draw the curve to ten times the largest run: full where trained, dashed where extrapolated."""
    low, high = float(curve.x.min()), float(curve.x.max())
    ax.axvspan(low, high, facecolor=RANGE, edgecolor=RANGE_EDGE, zorder=0, label="range trained")
    for x, style, label in (
        (np.geomspace(low, high, 40), "-", f"{curve.name}, 95% band"),
        (np.geomspace(high, _AHEAD * high, 20), "--", "extrapolated"),
    ):
        losses = [curve.loss_over(float(value)) for value in x]
        below, above = [e.interval.low for e in losses], [e.interval.high for e in losses]
        ax.fill_between(x, below, above, color=BAND, alpha=0.4, linewidth=0)
        ax.plot(x, [e.value for e in losses], color=LINE, linestyle=style, label=literal(label))
    ax.scatter(curve.x, curve.loss, color=MINIMUM, marker="D", s=14, zorder=3, label="runs")
    if curve.over == "data":
        count_axis(ax.xaxis, f"D, {law.unit}s")
    else:
        flops_axis(ax.xaxis)
    loss_axis(ax.yaxis, law)
    if legend:
        ax.legend()
    return ax


def about_curve(curve: CurveLaw) -> Iterator[str]:
    """Say what the picture shows."""
    yield f"The curve {curve.name!r} through {len(curve.x)} runs. Band: what a further run will show, 95%."
    yield f"Shaded: the range trained; dashed: extrapolated, to {_AHEAD:.0f} times."
