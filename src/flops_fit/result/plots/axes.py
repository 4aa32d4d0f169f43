"""Axes that can be read: counts as 20M and 5B, FLOPs as 10²¹, losses in round numbers."""

import re

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.plots.style import literal

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FEW_COUNTS, _FEW_FLOPS = 300.0, 30.0
"""Ratio of the ends of an axis up to which 2 and 5 are labelled too; powers of ten are long."""
_WIDE_LOSSES = 5.0
"""Ratio of the ends of an axis from which on even steps would leave its lower half bare."""


def count_axis(axis: Axis, label: str) -> None:
    """Label an axis of parameters or data units: decades, and 2 and 5 in between where there are few."""
    axis.set_label_text(literal(label))
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    round_counts(axis)


def round_counts(axis: Axis) -> None:
    """Label decades on a logarithmic axis, and 2 and 5 in between where there are few."""
    _steps(axis, few=_FEW_COUNTS)
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))


def flops_axis(axis: Axis, label: str = "C, FLOPs") -> None:
    """Label an axis of compute by powers of ten."""
    axis.set_label_text(label)
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    _steps(axis, few=_FEW_FLOPS)
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_flops(value)))


def loss_axis(axis: Axis, law: ScalingLaw, label: str = "L") -> None:
    """Label an axis of losses with their unit."""
    axis.set_label_text(literal(f"{label}, {numbers.unit(law.loss_unit)}"))
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    round_losses(axis)


def round_losses(axis: Axis) -> None:
    """Put a handful of round numbers on a logarithmic axis that may span less than a factor of two."""
    low, high = axis.get_view_interval()
    wide = high > _WIDE_LOSSES * low
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.set_minor_locator(NullLocator())


def short_count(value: float) -> str:
    """Write 10M instead of 10.0M at a tick, and 0.5 or 20 below a thousand."""
    return numbers.times(value) if value < 1e3 else re.sub(r"\.0+(?=[KMBT]$)", "", numbers.count(value))


def short_flops(value: float) -> str:
    """Write 10²¹ or 3·10²¹."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    lead = value / 10.0**exponent
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if abs(lead - 1) < 1e-6 else f"{lead:.2g}·{power}"


def _steps(axis: Axis, *, few: float) -> None:
    low, high = axis.get_view_interval()
    subs = (1, 2, 5) if high < few * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axis.set_minor_formatter(NullFormatter())
