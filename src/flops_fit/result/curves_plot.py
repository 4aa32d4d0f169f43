"""The picture of how losses fell: training and held-out losses of every run against compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from flops_fit.errors import StoreError, unwritable
from flops_fit.runs import RUNS_FILE, RunRecord, RunStore
from flops_fit.runs.curves import Curve, CurvePoint, Kind


def save_curves_plot(directory: str | Path, to: str | Path) -> Path:
    """Draw the curves that a sweep directory holds to a file (png, pdf, svg), and return its path.

    Raises:
        StoreError: `no-curves`, `unwritable-file`, or the directory cannot be read.
    """
    with RunStore(Path(directory) / RUNS_FILE, read_only=True) as store:
        curves, records = store.curves(), store.read()
    drawn = [record for record in records if record.run_id in curves]
    if not drawn:
        raise StoreError(
            f"{directory} holds no curves: its runs were simulated, or trained by an earlier release.",
            fix="draw the law instead: leave out --curves",
            code="no-curves",
        )
    target = Path(to)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draw_curves(drawn, curves).savefig(target)
    except OSError as error:
        raise unwritable(target, error) from error
    return target


def draw_curves(records: Sequence[RunRecord], curves: Mapping[str, Curve]) -> Figure:
    """Draw losses over the FLOPs spent, shaded by size; runs of one trunk fork from one line."""
    figure = Figure(figsize=(12, 5.5), layout="constrained", dpi=120)
    train, held_out = figure.subplots(1, 2)
    sizes = np.array([record.n_params for record in records])
    shades = ScalarMappable(LogNorm(sizes.min() / 1.05, sizes.max() * 1.05), colormaps["viridis_r"])
    for record, curve in _forked(records, curves):
        colour = shades.to_rgba(np.array([record.n_params]))[0]
        _draw(train, record, curve, "train", colour)
        _draw(held_out, record, curve, "held_out", colour)
    done = [record for record in records if record.loss is not None]
    held_out.scatter(
        [record.flops for record in done],
        [record.loss for record in done],
        c=shades.to_rgba(np.array([record.n_params for record in done])),
        s=16,
        zorder=3,
    )
    for panel in (train, held_out):
        panel.set(xscale="log", yscale="log", xlabel="C spent, FLOPs", ylabel="L, nats per unit")
        panel.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        panel.yaxis.set_minor_locator(NullLocator())
    train.set_title("Training loss, mean since the point before", fontsize="medium")
    held_out.set_title("Held-out loss; dots: the ends of runs", fontsize="medium")
    figure.colorbar(shades, ax=held_out, label="N, parameters")
    figure.suptitle(f"How the losses of {len(records)} runs fell")
    return figure


def _draw(ax: Axes, record: RunRecord, curve: Curve, kind: Kind, colour: tuple[float, ...]) -> None:
    flops_per_step = record.flops / (record.n_steps or 1)
    points = [(flops_per_step * point.step, point.loss) for point in curve if point.kind == kind]
    ax.plot([flops for flops, _ in points], [loss for _, loss in points], color=colour, linewidth=1)


def _forked(records: Sequence[RunRecord], curves: Mapping[str, Curve]) -> Iterator[tuple[RunRecord, Curve]]:
    """Yield the whole curve of the longest run of each trunk, and of the others what is theirs alone."""
    by_length = sorted(records, key=lambda record: record.n_steps or 0, reverse=True)
    longest: dict[str, RunRecord] = {}
    for record in by_length:
        stem = longest.setdefault(record.trunk or record.run_id, record)
        shared = frozenset(curves[stem.run_id]) if stem is not record else frozenset()
        yield record, _own(curves[record.run_id], shared)


def _own(curve: Curve, shared: frozenset[CurvePoint]) -> Curve:
    """Return the points that are not shared, and before them, of each kind, the last one that is."""
    return tuple(
        point
        for point, after in zip_longest(curve, curve[1:])
        if point not in shared or (after is not None and after.kind == point.kind and after not in shared)
    )
