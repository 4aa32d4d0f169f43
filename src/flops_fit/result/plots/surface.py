"""The loss surface over C and N, with the runs and the efficient frontier: the best size at each compute."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from flops_fit.fit import ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.result.plots.axes import count_axis, flops_axis
from flops_fit.result.plots.runs import optimum_at
from flops_fit.result.plots.style import GUIDE, MINIMUM, shades_of

_COLUMNS, _ROWS, _LEVELS = 32, 60, 12
_AHEAD = 10.0


def draw_surface(ax: Axes, law: ScalingLaw, *, legend: bool = True) -> Axes:
    """Draw lines of equal loss over compute and size; N* runs through their lowest points."""
    flops, sizes, losses = _grid(law)
    levels = _levels(losses)
    shades = shades_of(levels[0], levels[-1])
    ax.contourf(
        flops, sizes, losses.T, levels=levels, cmap=shades.cmap, norm=shades.norm, extend="both", alpha=0.55
    )
    lines = ax.contour(flops, sizes, losses.T, levels=levels, colors=GUIDE, linewidths=0.5)
    ax.clabel(
        lines, levels[::2], fontsize=6, fmt=FuncFormatter(lambda value, _: f"{value:.3g}"), colors="black"
    )
    _draw_runs(ax, law)
    _draw_frontier(ax, law, flops)
    ax.set_xlim(flops[0], flops[-1])
    ax.set_ylim(sizes[0], sizes[-1])
    flops_axis(ax.xaxis)
    count_axis(ax.yaxis, "N, parameters")
    if legend:
        ax.legend(loc="upper left")
    return ax


def about_surface(law: ScalingLaw) -> Iterator[str]:
    """Say what the picture shows."""
    yield f"Lines of equal loss ({law.loss_unit}) by {law.headline.name!r}; darker is higher."
    yield "Dots: runs. Orange: the efficient frontier N*(C), 95% interval; dashed: not trained."


def _grid(law: ScalingLaw) -> tuple[Floats, Floats, Floats]:
    """Return computes, sizes and the loss at each, shape (n_computes, n_sizes)."""
    low, high = float(law.points.flops.min()), float(law.points.flops.max())
    flops = np.geomspace(low / 1.3, _AHEAD * high, _COLUMNS)
    ends = (
        optimum_at(law, float(flops[-1])).n_params.value,
        optimum_at(law, low).n_params.value,
    )
    smallest, largest = float(law.points.n_params.min()), float(law.points.n_params.max())
    sizes = np.geomspace(min(smallest, *ends) / 1.5, max(largest, *ends) * 1.5, _ROWS)
    return flops, sizes, np.array([law.headline.isoflop_curve(sizes, float(c)) for c in flops])


def _levels(losses: Floats) -> Floats:
    """Space levels evenly in what lies above the lowest loss, where a surface changes least."""
    finite = losses[np.isfinite(losses)]
    low, high = np.quantile(finite, [0.001, 0.85])
    levels: Floats = low + (high - low) * np.linspace(0.02, 1, _LEVELS) ** 1.5
    return levels


def _draw_runs(ax: Axes, law: ScalingLaw) -> None:
    ax.scatter(
        law.points.flops,
        law.points.n_params,
        s=7,
        c="black",
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
        label="runs",
    )


def _draw_frontier(ax: Axes, law: ScalingLaw, flops: Floats) -> None:
    best = [optimum_at(law, float(c)).n_params for c in flops]
    values = np.array([b.value for b in best])
    low, high = (np.array([getattr(b.interval, end) for b in best]) for end in ("low", "high"))
    ax.fill_between(flops, low, high, color=MINIMUM, alpha=0.25, linewidth=0, zorder=2)
    trained = flops <= law.flops_range[1]
    ax.plot(
        flops[trained],
        values[trained],
        color=MINIMUM,
        linewidth=1.6,
        zorder=4,
        label="N*(C), efficient frontier",
    )
    ax.plot(
        flops[~trained], values[~trained], color=MINIMUM, linewidth=1.6, linestyle=(0, (4, 1.5)), zorder=4
    )
