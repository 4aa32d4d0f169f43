"""The picture of a law: IsoFLOP curves with their minima, and N*, D*, L* against C with their intervals."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from flops_fit.fit import BudgetMinimum, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.prediction import Prediction, general_caveats, predict

_LINE, _BAND, _MINIMUM, _SECOND = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
"""Colours of Okabe and Ito (2008), told apart by every kind of colour vision."""

Answer = Literal["n_params", "n_units", "loss"]


def draw(law: ScalingLaw) -> Figure:
    """Draw the four panels; what is doubtful about them stands beneath."""
    figure = Figure(figsize=(11, 9), layout="constrained", dpi=120)
    isoflop, size, data, loss = figure.subplots(2, 2).flat
    low, high = law.flops_range
    path = [predict(law, float(c)) for c in np.geomspace(low, 10 * high, 40)]
    draw_isoflop_curves(isoflop, law)
    draw_path(size, law, path, answer="n_params", label="N*, parameters")
    draw_path(data, law, path, answer="n_units", label=f"D*, {law.unit}s")
    draw_path(loss, law, path, answer="loss", label="L*")
    size.legend(frameon=False, loc="upper left")
    figure.suptitle(_title(law))
    figure.supxlabel(_caption(law), fontsize="small", x=0.02, ha="left")
    return figure


def draw_isoflop_curves(ax: Axes, law: ScalingLaw) -> Axes:
    """Draw loss over N: the runs, each budget's fitted curve, and the minimum that its runs show."""
    points = law.points
    shades = ScalarMappable(LogNorm(*_shown(law)), colormaps["viridis_r"])
    for minimum in law.minima:
        _draw_curve(ax, law, minimum, shades)
    ax.scatter(points.n_params, points.loss, c=shades.to_rgba(points.flops), s=14, linewidths=0, zorder=2)
    ax.scatter(
        [m.n_params for m in law.minima],
        [m.loss for m in law.minima],
        marker="D",
        s=30,
        facecolors="none",
        edgecolors=_MINIMUM,
        linewidths=1.5,
        label="minimum of a budget",
        zorder=3,
    )
    ax.set(xscale="log", yscale="log", xlabel="N, parameters", ylabel="L", title="IsoFLOP curves")
    ax.set_ylim(*_loss_limits(law))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: numbers.count(n)))
    _label_losses(ax)
    ax.figure.colorbar(shades, ax=ax, label="C, FLOPs")
    return ax


def draw_path(ax: Axes, law: ScalingLaw, path: Sequence[Prediction], *, answer: Answer, label: str) -> Axes:
    """Draw one answer against C with its interval, over the range trained (shaded) and beyond."""
    flops = [p.flops for p in path]
    ends: list[Interval] = [getattr(p, f"{answer}_interval") for p in path]
    ax.axvspan(*law.flops_range, color="0.93", zorder=0, label="budgets trained")
    ax.fill_between(
        flops,
        [e.low for e in ends],
        [e.high for e in ends],
        color=_BAND,
        alpha=0.35,
        linewidth=0,
        label="95% interval",
    )
    ax.plot(flops, [getattr(p, answer) for p in path], color=_LINE, label=f"fit ({law.headline.name})")
    if law.minima:
        seen = [_shown_by(law, m)[answer] for m in law.minima]
        ax.scatter(
            [m.flops for m in law.minima],
            seen,
            marker="D",
            s=30,
            facecolors="none",
            edgecolors=_MINIMUM,
            linewidths=1.5,
            label="minimum of a budget",
            zorder=3,
        )
    ax.set(xscale="log", yscale="log", xlabel="C, FLOPs", ylabel=label)
    if answer == "loss":
        _label_losses(ax)
    else:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.count(value)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    return ax


def _draw_curve(ax: Axes, law: ScalingLaw, minimum: BudgetMinimum, shades: ScalarMappable) -> None:
    of_budget = np.isclose(law.points.budget, minimum.flops, rtol=0.3)
    sizes = law.points.n_params[of_budget]
    grid = np.geomspace(sizes.min(), sizes.max(), 80)
    curve = law.headline.isoflop_curve(grid, minimum.flops)
    ax.plot(grid, curve, color=shades.to_rgba(np.array([minimum.flops]))[0], linewidth=1, zorder=1)


def _shown_by(law: ScalingLaw, minimum: BudgetMinimum) -> dict[Answer, float]:
    n_units = minimum.flops / law.points.flops_per_unit(minimum.n_params)
    return {"n_params": minimum.n_params, "n_units": n_units, "loss": minimum.loss}


def _shown(law: ScalingLaw) -> tuple[float, float]:
    low, high = law.flops_range
    return low / 1.05, high * 1.05


def _loss_limits(law: ScalingLaw) -> tuple[float, float]:
    """Leave out the runs of far too high a loss, so that the valley fills the panel."""
    least, typical = float(law.points.loss.min()), float(np.quantile(law.points.loss, 0.95))
    return least * 0.98, typical * 1.05


def _label_losses(ax: Axes) -> None:
    formatter = FuncFormatter(lambda value, _: f"{value:.3g}")
    ax.yaxis.set_major_formatter(formatter)
    ax.yaxis.set_minor_formatter(formatter)
    ax.tick_params(axis="y", which="minor", labelsize="small")


def _title(law: ScalingLaw) -> str:
    marks = ["SIMULATED" if law.points.simulated else "", "UNRELIABLE" if law.status == "unreliable" else ""]
    return " - ".join([*filter(None, marks), f"Compute-optimal training from {len(law.points)} runs"])


def _caption(law: ScalingLaw) -> str:
    sentences = ["Bands: 95% intervals for what a new sweep would show.", *general_caveats(law)]
    return "\n".join(line for sentence in sentences for line in wrap(sentence, 150))
