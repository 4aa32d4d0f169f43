"""N*, D*, L* or D*/N* against C: the answer with its band, in the range trained and beyond it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from flops_fit.fit import Law, ScalingLaw
from flops_fit.fit.arrays import Floats
from flops_fit.result.plots.axes import count_axis, flops_axis, loss_axis
from flops_fit.result.plots.runs import optimum_at
from flops_fit.result.plots.style import BAND, LINE, MINIMUM, RANGE, RANGE_EDGE, SECOND, literal

Answer = Literal["n_params", "n_units", "loss", "ratio"]

_AHEAD = 10.0
"""Times the largest budget up to which the answers are drawn."""
_POINTS_TRAINED, _POINTS_AHEAD, _POINTS_SECOND = 16, 8, 10


def draw_path(ax: Axes, law: ScalingLaw, *, answer: Answer, legend: bool = True) -> Axes:
    """Draw one answer against C with its 95% interval: full where trained, dashed where extrapolated."""
    low, high = law.flops_range
    trained = _read(law, np.geomspace(low, high, _POINTS_TRAINED), answer)
    ahead = _read(law, np.geomspace(high, _AHEAD * high, _POINTS_AHEAD), answer)
    ax.axvspan(low, high, facecolor=RANGE, edgecolor=RANGE_EDGE, zorder=0, label="range trained")
    for part in (trained, ahead):
        ax.fill_between(part.flops, part.low, part.high, color=BAND, alpha=0.4, linewidth=0)
    ax.plot(trained.flops, trained.value, color=LINE, label=literal(f"{law.headline.name}, 95% band"))
    ax.plot(ahead.flops, ahead.value, color=LINE, linestyle=(0, (4, 1.5)), label="extrapolated")
    if law.second is not None:
        _draw_second_opinion(ax, law, law.second, answer)
    _draw_minima(ax, law, answer)
    flops_axis(ax.xaxis)
    _AXES[answer](ax, law)
    if legend:
        ax.legend(loc="best")
    return ax


def about_path(law: ScalingLaw) -> Iterator[str]:
    """Say what the picture shows."""
    yield f"Band: 95% interval. Shaded: the range trained; dashed: extrapolated, to {_AHEAD:.0f} times."
    if law.minima:
        yield "Diamonds: the minimum that each budget shows by itself."
    if law.second is not None:
        yield f"Dots: the second opinion of {law.second.name!r}."


class _Path(NamedTuple):
    flops: Floats
    value: Floats
    low: Floats
    high: Floats


def _read(law: ScalingLaw, flops: Floats, answer: Answer) -> _Path:
    optima = [optimum_at(law, float(c)) for c in flops]
    estimates = [o.loss if answer == "loss" else o.n_params for o in optima]
    value = np.array([e.value for e in estimates])
    low, high = (np.array([getattr(e.interval, end) for e in estimates]) for end in ("low", "high"))
    if answer in {"n_params", "loss"}:
        return _Path(flops, value, low, high)
    # D and D/N fall as N rises at the same compute, so their intervals are that of N turned round.
    return _Path(flops, *(_values(law, flops, sizes, value)[answer] for sizes in (value, high, low)))


_AXES: dict[Answer, Callable[[Axes, ScalingLaw], None]] = {
    "n_params": lambda ax, _: count_axis(ax.yaxis, "N*, parameters"),
    "n_units": lambda ax, law: count_axis(ax.yaxis, f"D*, {law.unit}s"),
    "loss": lambda ax, law: loss_axis(ax.yaxis, law, "L*"),
    "ratio": lambda ax, law: count_axis(ax.yaxis, f"D*/N*, {law.unit}s per parameter"),
}


def _draw_second_opinion(ax: Axes, law: ScalingLaw, second: Law, answer: Answer) -> None:
    flops = np.geomspace(law.flops_range[0], _AHEAD * law.flops_range[1], _POINTS_SECOND)
    optima = [second.optimum(float(c)) for c in flops]
    shown = _values(law, flops, [o.n_params.value for o in optima], [o.loss.value for o in optima])
    ax.plot(
        flops,
        shown[answer],
        color=SECOND,
        linestyle=":",
        linewidth=1.5,
        label=literal(f"second: {second.name}"),
    )


def _draw_minima(ax: Axes, law: ScalingLaw, answer: Answer) -> None:
    if not law.minima:
        return
    flops = np.array([m.flops for m in law.minima])
    shown = _values(law, flops, [m.n_params for m in law.minima], [m.loss for m in law.minima])
    ax.plot(
        flops,
        shown[answer],
        linestyle="none",
        marker="D",
        markersize=3.6,
        markerfacecolor="white",
        markeredgecolor=MINIMUM,
        markeredgewidth=1.0,
        zorder=3,
        label="minimum of a budget",
    )


def _values(
    law: ScalingLaw, flops: Floats, sizes: Sequence[float] | Floats, losses: Sequence[float] | Floats
) -> dict[Answer, Floats]:
    n_params = np.array(sizes)
    n_units = flops / law.points.flops_per_unit.at(n_params)
    return {"n_params": n_params, "n_units": n_units, "loss": np.array(losses), "ratio": n_units / n_params}
