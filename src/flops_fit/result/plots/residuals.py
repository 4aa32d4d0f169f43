"""What a law leaves unexplained: residuals of the runs against N, D or C."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from flops_fit.fit import CurveLaw, Law, Points, ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.result.plots.axes import count_axis, flops_axis
from flops_fit.result.plots.runs import without_say
from flops_fit.result.plots.style import GUIDE, MINIMUM, shades_of

Against = Literal["n_params", "n_units", "flops"]

_MOST_CURVES = 60
"""Beyond which the law is interpolated between computes; over six decades that is good to 1e-5 of ln loss."""
_N_GROUPS = 8
"""Groups of neighbours whose median shows a trend."""
_WIDEST = 8.0
"""Interquartile ranges beyond which a residual is drawn at the edge."""


class Residuals(NamedTuple):
    """What a law leaves of the runs that it was fitted to, each of shape (n_runs,)."""

    n_params: Floats
    n_units: Floats
    flops: Floats
    percent: Floats
    """Loss over fitted loss, less 1."""
    silent: NDArray[np.bool_]


def draw_residuals(ax: Axes, law: ScalingLaw, *, against: Against, left: Residuals | None = None) -> Axes:
    """Draw loss over fitted loss, less 1, in percent; a law that fits leaves a level cloud around 0."""
    left = left or residuals_of(law)
    x, silent, edge = getattr(left, against), left.silent, _edge(left.percent)
    shown = np.clip(left.percent, -edge, edge)
    colours = shades_of(float(left.flops.min()), float(left.flops.max())).to_rgba(left.flops)
    ax.axhline(0, color=GUIDE, linewidth=0.8, zorder=1)
    ax.scatter(x[~silent], shown[~silent], c=colours[~silent], s=8, linewidths=0, zorder=2)
    ax.scatter(
        x[silent],
        shown[silent],
        facecolors="none",
        edgecolors=list(map(tuple, colours[silent])),
        s=14,
        linewidths=0.8,
        zorder=2,
    )
    _draw_trend(ax, x[~silent], left.percent[~silent])
    ax.set_ylim(-1.08 * edge, 1.08 * edge)
    if against == "flops":
        flops_axis(ax.xaxis)
    else:
        count_axis(ax.xaxis, "N, parameters" if against == "n_params" else f"D, {law.unit}s")
    ax.set_ylabel("L over fitted L, %")
    return ax


def about_residuals(left: Residuals) -> Iterator[str]:
    """Say what the picture shows, and what it hides."""
    median = float(np.median(np.abs(left.percent[~left.silent])))
    yield f"How far runs lie off the law; the median miss is {median:.2f}%."
    yield "Orange: medians of neighbours, level if the law bends as the runs do. Darker dots: more compute."
    if n_silent := int(left.silent.sum()):
        yield f"Rings: runs that do not count ({n_silent})."
    if n_far := int(np.sum(np.abs(left.percent) > _edge(left.percent))):
        yield f"At the edge: runs farther off ({n_far})."


def residuals_of(law: ScalingLaw) -> Residuals:
    """Compare every run with the law; of a curve over compute, every minimum."""
    points, headline = law.points, law.headline
    if isinstance(headline, CurveLaw):
        fitted, n_params = (
            headline.form.predict(headline.theta, headline.x, headline.x),
            np.full(len(headline.x), 1.0),
        )
        percent, silent = 100 * (headline.loss / fitted - 1), np.zeros(len(headline.x), dtype=np.bool_)
        return Residuals(n_params * headline.n_params, headline.x, headline.x, percent, silent)
    percent = 100 * (points.loss / _fitted(points, headline) - 1)
    return Residuals(points.n_params, points.n_units, points.flops, percent, without_say(law))


def _fitted(points: Points, law: Law) -> Floats:
    """Return the law's loss at each run, between IsoFLOP curves where the computes of runs are many."""
    log_flops = np.log(points.flops)
    known = np.unique(log_flops)
    if len(known) > _MOST_CURVES:
        known = np.linspace(known[0], known[-1], _MOST_CURVES)
    curves = np.log([law.isoflop_curve(points.n_params, float(np.exp(c))) for c in known])
    above = np.clip(np.searchsorted(known, log_flops), 1, max(len(known) - 1, 1)) if len(known) > 1 else 0
    below, runs = np.maximum(above - 1, 0), np.arange(len(points))
    step = known[above] - known[below]
    share = np.divide(log_flops - known[below], step, out=np.zeros(len(points)), where=step > 0)
    fitted: Floats = np.exp((1 - share) * curves[below, runs] + share * curves[above, runs])
    return fitted


def _edge(residuals: Floats) -> float:
    low, high = np.quantile(residuals, [0.25, 0.75])
    return float(max(min(np.abs(residuals).max(), _WIDEST * (high - low)), 1e-6))


def _draw_trend(ax: Axes, x: Floats, residuals: Floats) -> None:
    order = np.argsort(x, kind="stable")
    groups = [group for group in np.array_split(order, min(_N_GROUPS, max(len(x) // 4, 1))) if len(group)]
    middle = [float(np.exp(np.mean(np.log(x[group])))) for group in groups]
    ax.plot(
        middle,
        [float(np.median(residuals[group])) for group in groups],
        color=MINIMUM,
        linewidth=1.1,
        zorder=3,
    )
