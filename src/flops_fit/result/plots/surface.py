"""The loss surface over C and N, with the runs and the efficient frontier: the best size at each compute."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from flops_fit.fit import ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.result.plots.axes import count_axis, flops_axis
from flops_fit.result.plots.runs import optimum_at
from flops_fit.result.plots.style import GUIDE, MINIMUM, shades_of

_COLUMNS, _ROWS, _LEVELS = 32, 60, 12
_AHEAD = 10.0
_FLAT = 1e-6
_MARGIN = 0.07
"""Share of the picture by which labels keep from its edges."""
_LABEL_SHAPE = (2.0, 1.0)
"""Labels are wider than high, so that they need more room to their sides."""


def draw_surface(ax: Axes, law: ScalingLaw, *, legend: bool = True) -> Axes:
    """Draw lines of equal loss over compute and size; N* runs through their lowest points."""
    flops, sizes, losses = _grid(law)
    levels = _levels(losses)
    shades = shades_of(levels[0], levels[-1])
    ax.contourf(
        flops, sizes, losses.T, levels=levels, cmap=shades.cmap, norm=shades.norm, extend="both", alpha=0.55
    )
    lines = ax.contour(flops, sizes, losses.T, levels=levels, colors=GUIDE, linewidths=0.5)
    _draw_runs(ax, law)
    frontier = _draw_frontier(ax, law, float(flops[-1]))
    ax.set_xlim(flops[0], flops[-1])
    ax.set_ylim(sizes[0], sizes[-1])
    flops_axis(ax.xaxis)
    count_axis(ax.yaxis, "N, parameters")
    taken = np.vstack([np.column_stack([law.points.flops, law.points.n_params]), frontier])
    _label(ax, dict(zip(levels[::2], lines.allsegs[::2], strict=True)), taken)
    if legend:  # above the axes: there is no corner in which it would hide no line
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def about_surface(law: ScalingLaw) -> Iterator[str]:
    """Say what the picture shows."""
    unit = "" if law.loss_unit == "unknown" else f" ({law.loss_unit})"
    yield f"Lines of equal loss{unit} by {law.headline.name!r}; darker is higher."
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
    high = max(high, low * (1 + _FLAT))  # levels must increase also where the surface does not
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


def _draw_frontier(ax: Axes, law: ScalingLaw, end: float) -> Floats:
    """Draw N* from the least budget on: below it the law is asked for nothing. Return what was drawn."""
    low, high = law.flops_range
    trained = np.geomspace(low, high, _COLUMNS)
    flops = np.concatenate([trained, np.geomspace(high, end, _COLUMNS)[1:]])
    best = [optimum_at(law, float(c)).n_params for c in flops]
    below, above = (np.array([getattr(b.interval, end) for b in best]) for end in ("low", "high"))
    ax.fill_between(flops, below, above, color=MINIMUM, alpha=0.25, linewidth=0, zorder=2)
    drawn = np.column_stack([flops, [b.value for b in best]])
    for part, style, label in (
        (drawn[: len(trained)], "-", "N*(C), efficient frontier"),
        (drawn[len(trained) - 1 :], (0, (4, 1.5)), None),
    ):
        ax.plot(*part.T, color=MINIMUM, linewidth=1.6, linestyle=style, zorder=4, label=label)
    return drawn


def _label(ax: Axes, lines: Mapping[float, Sequence[Floats]], taken: Floats) -> None:
    """Write its loss on each line, where it lies furthest from runs, frontier, edges and other labels.

    The text stands over the line, not in a gap of it: gaps grow long where a line bends.
    """
    to_picture = ax.transScale + ax.transLimits
    crowd = to_picture.transform(taken)
    for loss, pieces in lines.items():
        places = to_picture.transform(np.vstack(pieces)) if pieces else np.empty((0, 2))
        places = places[np.all((places > _MARGIN) & (places < 1 - _MARGIN), axis=1)]
        if not len(places):
            continue
        apart = np.linalg.norm((places[:, None] - crowd) / _LABEL_SHAPE, axis=2).min(axis=1)
        place = places[apart.argmax()]
        crowd = np.vstack([crowd, place])
        ax.text(
            place[0],
            place[1],
            f"{loss:#.3g}",
            transform=ax.transAxes,
            fontsize=6,
            ha="center",
            va="center",
            zorder=5,
            path_effects=[withStroke(linewidth=1.8, foreground="white", alpha=0.75)],
        )
