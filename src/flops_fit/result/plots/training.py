"""How losses fell: training and held-out losses of every run against the compute spent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from flops_fit.errors import StoreError, argument
from flops_fit.result import numbers
from flops_fit.result.plots.axes import flops_axis, round_counts, round_losses
from flops_fit.result.plots.saving import save_figure
from flops_fit.result.plots.style import DOUBLE_COLUMN, literal, shades_of, styled
from flops_fit.runs import RUNS_FILE, SPEC_FILE, RunRecord, RunStore
from flops_fit.runs.curves import Curve, CurvePoint, Kind


def save_curves_plot(directory: str | Path, to: str | Path, *, width: float = DOUBLE_COLUMN) -> Path:
    """Draw the curves of the present plan of a sweep directory to a file, and return its path.

    Raises:
        StoreError: `no-curves`, `unknown-format`, `unwritable-file`, or the directory cannot be read.
    """
    with RunStore(Path(directory) / RUNS_FILE, read_only=True) as store:
        curves, records = store.curves(), store.read()
    plan = _plan(Path(directory))
    records = tuple(record for record in records if plan.get("plan_id") in {None, record.plan_id})
    drawn = [record for record in records if record.run_id in curves]
    if not drawn:
        raise _no_curves(directory, ended=bool(records))
    figure = draw_curves(drawn, curves, loss_unit=_loss_unit(plan), width=width)
    return save_figure(figure, to)


def _no_curves(directory: str | Path, *, ended: bool) -> StoreError:
    if not ended:
        problem, fix = "no run of it has ended yet", "wait for the first, or go on with the sweep"
    else:
        problem = "its runs were simulated, or trained by an earlier release"
        fix = f"draw the law instead: leave out {argument('curves')}"
    return StoreError(f"{directory} holds no curves: {problem}.", fix=fix, code="no-curves")


def draw_curves(
    records: Sequence[RunRecord],
    curves: Mapping[str, Curve],
    *,
    loss_unit: str = "unknown",
    width: float = DOUBLE_COLUMN,
) -> Figure:
    """Draw training and held-out losses, side by side where there is room."""
    beside = width > DOUBLE_COLUMN / 2
    with styled():
        figure = Figure(figsize=(width, width * (0.45 if beside else 1.5)), layout="constrained")
        panels = figure.subplots(*((1, 2) if beside else (2, 1)))
        draw_training(panels[0], records, curves, kind="train", loss_unit=loss_unit)
        draw_training(panels[1], records, curves, kind="held_out", loss_unit=loss_unit)
        bar = figure.colorbar(_shades(records), ax=panels, label="N, parameters", pad=0.02, aspect=30)
        round_counts(bar.ax.yaxis)
        bar.ax.yaxis.set_minor_locator(NullLocator())
        figure.suptitle(f"How the losses of {len(records)} runs fell")
    return figure


def draw_training(
    ax: Axes,
    records: Sequence[RunRecord],
    curves: Mapping[str, Curve],
    *,
    kind: Kind,
    loss_unit: str = "unknown",
) -> Axes:
    """Draw losses over the FLOPs spent, shaded by size; runs of one trunk fork from one line."""
    shades = _shades(records)
    for record, curve in _forked(records, curves):
        _draw(ax, record, curve, kind, shades.to_rgba(np.array([record.n_params]))[0])
    if kind == "held_out":
        _mark_ends(ax, [record for record in records if record.loss is not None], shades)
    flops_axis(ax.xaxis, "C spent, FLOPs")
    ax.set(yscale="log", ylabel=literal(f"L, {numbers.unit(loss_unit)}"))
    round_losses(ax.yaxis)
    ax.set_title(
        "Training, mean since the point before" if kind == "train" else "Held-out; dots: the ends of runs"
    )
    return ax


def _plan(directory: Path) -> Mapping[str, Any]:
    """Return the plan that a directory is at; nothing where it says none, as a picture does without."""
    try:
        return dict(json.loads((directory / SPEC_FILE).read_text(encoding="utf-8"))["plan"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _loss_unit(plan: Mapping[str, Any]) -> str:
    """Return the unit that a law of these runs has, as the plan says; earlier ones had nats only."""
    return str(plan.get("loss_unit", f"nats per {plan['unit']}" if "unit" in plan else "unknown"))


def _shades(records: Sequence[RunRecord]) -> ScalarMappable:
    sizes = [record.n_params for record in records]
    return shades_of(min(sizes), max(sizes))


def _draw(ax: Axes, record: RunRecord, curve: Curve, kind: Kind, colour: tuple[float, ...]) -> None:
    flops_per_step = record.flops / (record.n_steps or 1)
    points = [(flops_per_step * point.step, point.loss) for point in curve if point.kind == kind]
    ax.plot([flops for flops, _ in points], [loss for _, loss in points], color=colour, linewidth=0.8)


def _mark_ends(ax: Axes, done: Sequence[RunRecord], shades: ScalarMappable) -> None:
    ax.scatter(
        np.array([record.flops for record in done]),
        np.array([record.loss for record in done], dtype=np.float64),
        c=shades.to_rgba(np.array([record.n_params for record in done])),
        s=9,
        zorder=3,
    )


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
