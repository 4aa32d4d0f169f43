"""The picture of a law: IsoFLOP curves with their minima, and N*, D*, L* against C with their intervals."""

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from flops_fit.fit import BudgetMinimum, CurveLaw, Law, ScalingLaw
from flops_fit.fit.findings import ignored_runs
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.curve import x_label
from flops_fit.result.prediction import Prediction, general_caveats, predict

_LINE, _BAND, _MINIMUM, _SECOND = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
"""Colours of Okabe and Ito (2008), told apart by every kind of colour vision."""
_ALARM = "#B00020"
_WIDE_AXIS = 5.0
"""Ratio of the ends of an axis from which on even steps would leave its lower half bare."""

Answer = Literal["n_params", "n_units", "loss"]


def draw(law: ScalingLaw) -> Figure:
    """Draw the four panels; what is doubtful about them stands beneath."""
    if isinstance(law.headline, CurveLaw):
        return draw_curve(law, law.headline)
    figure = Figure(figsize=(11, 9), layout="constrained", dpi=120)
    isoflop, size, data, loss = figure.subplots(2, 2).flat
    low, high = law.flops_range
    path = [predict(law, float(c)) for c in np.geomspace(low, 10 * high, 40)]
    draw_isoflop_curves(isoflop, law)
    draw_path(size, law, path, answer="n_params", label="N*, parameters")
    draw_path(data, law, path, answer="n_units", label=f"D*, {law.unit}s")
    draw_path(loss, law, path, answer="loss", label=f"L*, {numbers.unit(law.loss_unit)}")
    size.legend(frameon=False, loc="upper left")
    figure.suptitle(_title(law), color=_ALARM if _marks(law) else "black")
    figure.supxlabel(_caption(law), fontsize="small", x=0.02, ha="left")
    return figure


def draw_curve(law: ScalingLaw, curve: CurveLaw) -> Figure:
    """Draw loss over data or compute: the runs, the curve and its interval, to ten times the largest run."""
    figure = Figure(figsize=(8, 6), layout="constrained", dpi=120)
    ax, low, high = figure.subplots(), float(curve.x.min()), float(curve.x.max())
    x = np.geomspace(low, 10 * high, 60)
    losses = [curve.loss_over(float(value)) for value in x]
    ax.axvspan(low, high, facecolor="0.92", edgecolor="0.8", zorder=0, label="range trained")
    ends = [loss.interval for loss in losses]
    ax.fill_between(
        x, [e.low for e in ends], [e.high for e in ends], color=_BAND, alpha=0.35, label="95% interval"
    )
    ax.plot(x, [loss.value for loss in losses], color=_LINE, label=f"fit: {curve.name}")
    ax.scatter(curve.x, curve.loss, color=_MINIMUM, s=18, zorder=3, label="runs")
    ax.set(xscale="log", yscale="log", xlabel=x_label(law, curve), ylabel=f"L, {numbers.unit(law.loss_unit)}")
    _label_losses(ax.yaxis)
    if curve.over == "data":
        _label_counts(ax.xaxis)
    ax.legend(frameon=False)
    figure.suptitle(" - ".join([*_marks(law), f"Loss curve from {len(curve.x)} runs"]))
    figure.supxlabel(_caption(law), fontsize="small", x=0.02, ha="left")
    return figure


def draw_isoflop_curves(ax: Axes, law: ScalingLaw) -> Axes:
    """Draw loss over N: the runs, each budget's fitted curve, and the minimum that its runs show."""
    shades = _shades(law)
    for minimum in law.minima:
        _draw_curve(ax, law, minimum, shades)
    rings = _draw_runs(ax, law, shades)
    if law.minima:
        _mark_minima(ax, [m.n_params for m in law.minima], [m.loss for m in law.minima])
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="N, parameters",
        ylabel=f"L, {numbers.unit(law.loss_unit)}",
        ylim=_loss_limits(law),
    )
    ax.set_title(_runs_title(law, rings=rings), fontsize="medium")
    _label_counts(ax.xaxis)
    _label_losses(ax.yaxis)
    ax.figure.colorbar(shades, ax=ax, label="C, FLOPs")
    return ax


def draw_path(ax: Axes, law: ScalingLaw, path: Sequence[Prediction], *, answer: Answer, label: str) -> Axes:
    """Draw one answer against C with its interval, over the range trained (shaded) and beyond."""
    flops = [p.flops for p in path]
    ends: list[Interval] = [getattr(p, f"{answer}_interval") for p in path]
    low, high = [e.low for e in ends], [e.high for e in ends]
    ax.axvspan(*law.flops_range, facecolor="0.92", edgecolor="0.8", zorder=0, label="range trained")
    ax.fill_between(flops, low, high, color=_BAND, alpha=0.35, linewidth=0, label="95% interval")
    ax.plot(flops, [getattr(p, answer) for p in path], color=_LINE, label=f"fit: {law.headline.name}")
    if law.second is not None:
        _draw_second_opinion(ax, law, law.second, answer)
    if law.minima:
        _mark_minima(ax, [m.flops for m in law.minima], [_shown_by(law, m)[answer] for m in law.minima])
    ax.set(xscale="log", yscale="log", xlabel="C, FLOPs", ylabel=label)
    if answer == "loss":
        _label_losses(ax.yaxis)
    else:
        _label_counts(ax.yaxis)
    return ax


def _draw_runs(ax: Axes, law: ScalingLaw, shades: ScalarMappable) -> bool:
    """Draw runs as dots, those without a say in the law as rings; return whether there are any rings."""
    points, ignored = law.points, ignored_runs(law.points, law.headline)
    silent = np.array([run_id in ignored for run_id in points.run_ids])
    n_params, loss, colours = points.n_params, points.loss, shades.to_rgba(points.flops)
    ax.scatter(n_params[~silent], loss[~silent], c=colours[~silent], s=14, linewidths=0, zorder=2)
    ax.scatter(
        n_params[silent],
        loss[silent],
        facecolors="none",
        edgecolors=colours[silent],
        s=16,
        linewidths=1,
        zorder=2,
    )
    return bool(silent.any())


def _runs_title(law: ScalingLaw, *, rings: bool) -> str:
    above = int(np.sum(law.points.loss > _loss_limits(law)[1]))
    notes = ["rings do not count"] * rings + [f"{above} runs lie above"] * (above > 0)
    title = "IsoFLOP curves" if law.minima else "Runs"
    return f"{title} ({', '.join(notes)})" if notes else title


def _draw_curve(ax: Axes, law: ScalingLaw, minimum: BudgetMinimum, shades: ScalarMappable) -> None:
    sizes = law.points.n_params[np.isclose(law.points.budget, minimum.flops, rtol=0.3)]
    grid = np.geomspace(sizes.min(), sizes.max(), 80)
    shade = shades.to_rgba(np.array([minimum.flops]))[0]
    ax.plot(grid, law.headline.isoflop_curve(grid, minimum.flops), color=shade, linewidth=1, zorder=1)


def _draw_second_opinion(ax: Axes, law: ScalingLaw, second: Law, answer: Answer) -> None:
    flops = np.geomspace(law.flops_range[0], 10 * law.flops_range[1], 12)
    optima = [second.optimum(float(c)) for c in flops]
    sizes = np.array([o.n_params.value for o in optima])
    values = {
        "n_params": sizes,
        "n_units": flops / law.points.flops_per_unit.at(sizes),
        "loss": np.array([o.loss.value for o in optima]),
    }
    label = f"second opinion: {second.name}"
    ax.plot(flops, values[answer], color=_SECOND, linestyle="--", linewidth=1.2, label=label)


def _mark_minima(ax: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    ax.plot(
        x,
        y,
        linestyle="none",
        marker="D",
        markersize=5,
        markerfacecolor="white",
        markeredgecolor=_MINIMUM,
        markeredgewidth=1.4,
        zorder=3,
        label="minimum of a budget",
    )


def _shown_by(law: ScalingLaw, minimum: BudgetMinimum) -> dict[Answer, float]:
    n_units = minimum.flops / law.points.flops_per_unit(minimum.n_params)
    return {"n_params": minimum.n_params, "n_units": n_units, "loss": minimum.loss}


def _shades(law: ScalingLaw) -> ScalarMappable:
    """Shade runs by compute, dark for much; the palest third of the map would vanish on white."""
    low, high = law.flops_range
    shades = LinearSegmentedColormap.from_list("compute", colormaps["viridis_r"](np.linspace(0.12, 1, 64)))
    return ScalarMappable(LogNorm(low / 1.05, high * 1.05), shades)


def _loss_limits(law: ScalingLaw) -> tuple[float, float]:
    """Leave out the runs of far too high a loss, so that the valley fills the panel."""
    least, typical = float(law.points.loss.min()), float(np.quantile(law.points.loss, 0.95))
    return least * 0.98, typical * 1.05


def _label_counts(axis: Axis) -> None:
    """Label decades, and 2 and 5 in between where there are few of them."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: numbers.times(value) if value < 1 else _short(value))
    )
    axis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    """Write 10M instead of 10.0M at a tick."""
    return re.sub(r"\.0+(?=[KMBT]$)", "", numbers.count(value))


def _label_losses(axis: Axis) -> None:
    """Put a handful of round numbers on a logarithmic axis that may span less than a factor of two."""
    low, high = axis.get_view_interval()
    wide = high > _WIDE_AXIS * low
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.set_minor_locator(NullLocator())


def _marks(law: ScalingLaw) -> list[str]:
    simulated = ["SIMULATED"] if law.points.simulated else []
    return [*simulated, "UNRELIABLE"] if law.status == "unreliable" else simulated


def _title(law: ScalingLaw) -> str:
    return " - ".join([*_marks(law), f"Compute-optimal training from {len(law.points)} runs"])


def _caption(law: ScalingLaw) -> str:
    sentences = ["Bands: 95% intervals.", *general_caveats(law)]
    return "\n".join(line for sentence in sentences for line in wrap(sentence, 150))
