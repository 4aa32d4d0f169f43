"""What a curve of the loss over one quantity answers: no best size, but the loss at any x."""

from dataclasses import dataclass

import numpy as np

from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.banners import banners
from flops_fit.result.doubts import general_caveats
from flops_fit.result.tables import Column, Row, Table
from flops_fit.result.tables.table import unit_of_loss
from flops_fit.result.tables.text import as_markdown

_MOST_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOnCurve:
    """The loss at one x."""

    x: float
    """Data units, or FLOPs for a curve over compute."""
    loss: float
    loss_interval: Interval
    extrapolation: float
    """x over the largest x of a run."""


def points_on_curve(curve: CurveLaw) -> tuple[PointOnCurve, ...]:
    """Return the loss at each x trained (a ladder where they are many) and at ten times the largest."""
    trained = np.unique(curve.x)
    if len(trained) > _MOST_ROWS:
        trained = np.geomspace(trained[0], trained[-1], 5)
    points = []
    for x in (*map(float, trained), 10 * float(trained[-1])):
        loss = curve.loss_over(x)
        points.append(
            PointOnCurve(
                x=x, loss=loss.value, loss_interval=loss.interval, extrapolation=x / float(curve.x.max())
            )
        )
    return tuple(points)


def describe_curve(law: ScalingLaw, curve: CurveLaw) -> str:
    """Return the losses as a table, with what was fitted and what is doubtful underneath."""
    findings = [f"{f.severity} {f.code}: {f.message}\n  {f.action}" for f in law.findings]
    table = as_markdown(curve_table(law, curve, caveats=False))
    return "\n\n".join([table, "\n".join(about_curve(curve)), "\n".join(findings)])


def about_curve(curve: CurveLaw) -> list[str]:
    """Say what was fitted, a line for each thing."""
    parameters = zip(curve.form.param_names, curve.theta, strict=True)
    listed = ", ".join(f"{name} {v:.4g}" for name, v in parameters)
    return [
        f"Fit {curve.name!r} to {len(curve.x)} runs: {listed}.",
        "A curve of the loss over one quantity knows of no best size.",
    ]


def curve_table(law: ScalingLaw, curve: CurveLaw, *, caveats: bool = True) -> Table:
    """Tabulate the losses of `points_on_curve`."""
    points, over_data = points_on_curve(curve), curve.over == "data"
    shown = numbers.count if over_data else numbers.compute
    x = (
        Column(name="n_units", title="D", unit=f"{law.unit}s")
        if over_data
        else Column(name="flops", title="C", unit="FLOPs")
    )
    loss_unit, above = numbers.unit(law.loss_unit), banners(law)
    return Table(
        banners=above,
        columns=(
            x,
            Column(name="loss", title="L", unit=loss_unit),
            Column(name="loss_interval", title="L, 95%"),
        ),
        rows=tuple(
            Row(
                values=(p.x, p.loss, p.loss_interval),
                cells=(shown(p.x), numbers.loss(p.loss), numbers.loss_range(p.loss_interval)),
                notes=(1,) if p.extrapolation > 1.001 else (),
            )
            for p in points
        ),
        notes=("Extrapolated: 10 times the largest trained.",),
        about_all=general_caveats(law, under=above) if caveats else (),
        legend=f"{unit_of_loss(law)} 95%: intervals of what a run will show.",
    )
