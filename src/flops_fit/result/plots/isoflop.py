"""IsoFLOP curves: loss over N at each budget, the runs, the fit, and the best size with its interval."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import FuncFormatter, NullLocator

from flops_fit.fit import ScalingLaw, ValleyLaw
from flops_fit.fit.arrays import Floats
from flops_fit.fit.valley import WINDOWS
from flops_fit.result.plots.axes import count_axis, flops_axis, loss_axis, short_flops
from flops_fit.result.plots.runs import optimum_at, without_say
from flops_fit.result.plots.style import MARKERS, MINIMUM, shades_of

_LADDER = 5
"""Curves that stand for a law without budgets."""
_TICK = 0.05
"""Share of the colour bar that the label of a tick takes."""
_REACH = 6.0
"""Times the best size, either way, over which such a curve is drawn."""


def draw_isoflop(ax: Axes, law: ScalingLaw, *, colorbar: bool = True) -> Axes:
    """Draw loss over N, parameters, shaded by compute.

    A curve is heavy where the runs around the best one decide it, and light beyond. Rings are runs that do
    not count; diamonds are the law's best size at each budget, with the interval of N*.
    """
    shades = shades_of(float(law.points.flops.min()), float(law.points.flops.max()))
    budgets = budgets_shown(law)
    for flops in budgets:
        _draw_curve(ax, law, flops, shades)
        _draw_optimum(ax, law, flops)
    _draw_runs(ax, law, budgets, shades)
    ax.set_ylim(*loss_limits(law))
    count_axis(ax.xaxis, "N, parameters")
    loss_axis(ax.yaxis, law)
    if colorbar:
        bar = ax.figure.colorbar(shades, ax=ax, label="C, FLOPs", pad=0.02, aspect=30)
        if _room_for_all(budgets, law.points.flops):
            bar.set_ticks(budgets)
        else:
            flops_axis(bar.ax.yaxis)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_flops(value)))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.outline.set_linewidth(0.5)
    return ax


def about_isoflop(law: ScalingLaw) -> Iterator[str]:
    """Say what the picture shows and what it leaves out."""
    yield "Loss of the runs (dots, shaded by compute) and the fitted loss at the same compute (curves)."
    if isinstance(law.headline, ValleyLaw):
        yield f"Heavy: within {WINDOWS[-1]} e-folds of the best size, the runs that place it."
    elif not law.minima:
        yield f"The runs form no budgets; curves stand at {_LADDER} computes in between."
    yield "Diamonds: N* and L* by the law, with the 95% interval of N*."
    if n_silent := int(without_say(law).sum()):
        yield f"Rings: runs that do not count ({n_silent})."
    if n_above := int(np.sum(law.points.loss > loss_limits(law)[1])):
        yield f"Runs of higher loss above the picture: {n_above}."
    if law.points.excluded:
        yield f"Left out, without a usable loss: {len(law.points.excluded)}."


def budgets_shown(law: ScalingLaw) -> tuple[float, ...]:
    """Return the budgets of the runs, or a ladder of computes where they form none."""
    trained = tuple(minimum.flops for minimum in law.minima)
    return trained or tuple(np.geomspace(*law.flops_range, _LADDER).tolist())


def loss_limits(law: ScalingLaw) -> tuple[float, float]:
    """Leave out the runs of far too high a loss, so that the valley fills the picture."""
    least = min(float(law.points.loss.min()), optimum_at(law, budgets_shown(law)[-1]).loss.value)
    typical = float(np.quantile(law.points.loss, 0.95))
    return least * 0.97, max(typical * 1.03, least * 1.05)


def _draw_curve(ax: Axes, law: ScalingLaw, flops: float, shades: ScalarMappable) -> None:
    best = optimum_at(law, flops).n_params.value
    sizes = law.points.n_params[np.isclose(law.points.budget, flops, rtol=0.3)]
    low, high = (sizes.min(), sizes.max()) if len(sizes) else (best / _REACH, best * _REACH)
    grid = np.geomspace(float(low), float(high), 80)
    losses, shade = law.headline.isoflop_curve(grid, flops), shades.to_rgba(np.array([flops]))[0]
    ax.plot(grid, losses, color=shade, linewidth=0.6, zorder=1)
    if isinstance(law.headline, ValleyLaw):
        near = np.abs(np.log(grid / best)) <= WINDOWS[-1]
        ax.plot(grid[near], losses[near], color=shade, linewidth=1.4, zorder=1)


def _draw_optimum(ax: Axes, law: ScalingLaw, flops: float) -> None:
    best = optimum_at(law, flops)
    size, ends = best.n_params.value, best.n_params.interval
    ax.errorbar(
        [size],
        [best.loss.value],
        xerr=[[max(size - ends.low, 0.0)], [max(ends.high - size, 0.0)]],
        fmt="D",
        markersize=3.6,
        markerfacecolor="white",
        markeredgecolor=MINIMUM,
        markeredgewidth=1.0,
        ecolor=MINIMUM,
        elinewidth=0.9,
        capsize=1.8,
        capthick=0.8,
        zorder=4,
    )


def _draw_runs(ax: Axes, law: ScalingLaw, budgets: tuple[float, ...], shades: ScalarMappable) -> None:
    """Draw each budget with a marker of its own; rings in place of runs that have no say."""
    points, silent = law.points, without_say(law)
    colours = shades.to_rgba(points.flops)
    nearest = np.abs(np.log(points.flops[:, None] / np.array(budgets))).argmin(axis=1)
    for i in range(len(budgets)):
        own = (nearest == i) & ~silent
        marker = MARKERS[i % len(MARKERS)] if law.minima else "o"
        ax.scatter(
            points.n_params[own], points.loss[own], c=colours[own], s=9, marker=marker, linewidths=0, zorder=2
        )
    ax.scatter(
        points.n_params[silent],
        points.loss[silent],
        facecolors="none",
        edgecolors=list(map(tuple, colours[silent])),
        s=16,
        linewidths=0.9,
        zorder=3,
    )


def _room_for_all(budgets: tuple[float, ...], flops: Floats) -> bool:
    """Whether each budget can be named on the bar; were some dropped, their neighbours would mislead."""
    return bool(np.all(np.diff(np.log(budgets)) > _TICK * np.log(flops.max() / flops.min())))
