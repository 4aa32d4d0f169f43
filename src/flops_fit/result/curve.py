"""What a curve of the loss over one quantity answers: no best size, but the loss at any x."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flops_fit.fit import CurveLaw, ScalingLaw
from flops_fit.quantities import Interval
from flops_fit.result import numbers
from flops_fit.result.prediction import general_caveats
from flops_fit.result.table import aligned, banners

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
    points = points_on_curve(curve)
    parameters = zip(curve.form.param_names, curve.theta, strict=True)
    fitted = [
        f"Fit {curve.name!r} to {len(curve.x)} runs: "
        + ", ".join(f"{name} {v:.4g}" for name, v in parameters)
        + ".",
        "A curve of the loss over one quantity knows of no best size.",
    ]
    findings = [f"{f.severity} {f.code}: {f.message}\n  {f.action}" for f in law.findings]
    return "\n\n".join(
        ["\n".join([*banners(law), *_table(law, curve, points)]), "\n".join(fitted), "\n".join(findings)]
    )


def _table(law: ScalingLaw, curve: CurveLaw, points: Sequence[PointOnCurve]) -> list[str]:
    header = (x_label(law, curve), f"L ({numbers.unit(law.loss_unit)})", "L, 95%", "notes")
    shown = numbers.count if curve.over == "data" else numbers.compute
    rows = [
        (
            shown(p.x),
            numbers.loss(p.loss),
            numbers.loss_range(p.loss_interval),
            "[1]" * (p.extrapolation > 1.001),
        )
        for p in points
    ]
    notes = ["Extrapolated: 10 times the largest trained.", *(f"All rows: {c}" for c in general_caveats(law))]
    return [*aligned([header, *rows]), "", *(f"[{i}] {note}" for i, note in enumerate(notes, 1))]


def x_label(law: ScalingLaw, curve: CurveLaw) -> str:
    """Name x as a header does."""
    return f"D ({law.unit}s)" if curve.over == "data" else "C (FLOPs)"
