"""Axes that can be read: counts as 20M and 5B, FLOPs as 10²¹, losses in round numbers."""

import re
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter, NullLocator

from flops_fit.fit import ScalingLaw
from flops_fit.result import numbers
from flops_fit.result.plots.style import literal

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FEW_COUNTS, _FEW_FLOPS = 300.0, 30.0
"""Ratio of the ends of an axis up to which 2 and 5 are labelled too; powers of ten are long."""
_COUNT, _POWER, _LINE = 0.31, 0.42, 0.14
"""Inches that labels take, with some space: across, as 200M and as 2·10¹⁸; upwards, any."""
_WIDE_LOSSES = 5.0
"""Ratio of the ends of an axis from which on even steps would leave its lower half bare."""


def count_axis(axis: Axis, label: str) -> None:
    """Label an axis of parameters or data units: decades, and 2 and 5 in between where there are few."""
    axis.set_label_text(literal(label))
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    round_counts(axis)


def round_counts(axis: Axis) -> None:
    """Label decades on a logarithmic axis, and 2 and 5 in between where there are few."""
    _steps(axis, few=_FEW_COUNTS, inches=_COUNT)
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))


def flops_axis(axis: Axis, label: str = "C, FLOPs") -> None:
    """Label an axis of compute by powers of ten."""
    axis.set_label_text(label)
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    _steps(axis, few=_FEW_FLOPS, inches=_POWER)
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


class _RoundTicks(Locator):
    """Round numbers on a logarithmic axis: as many as its labels have room for, at least two if they can."""

    def __init__(self, *, few: float, inches: float) -> None:
        self._few, self._inches = few, inches

    def __call__(self) -> Sequence[float]:
        low, high = sorted(self.axis.get_view_interval())  # type: ignore[union-attr] # set once it has one
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Return the first of ever sparser steps that labels have room for, the last if none."""
        for locator in self._locators(vmin, vmax):
            found = np.asarray(locator.tick_values(vmin, vmax), dtype=np.float64)
            ticks = found[(found >= vmin) & (found <= vmax)]
            if len(ticks) > 1 and np.diff(np.log(ticks)).min() >= self._room(vmin, vmax):
                break
        return cast("Sequence[float]", ticks)  # what matplotlib's own return, whatever its stubs say

    def _locators(self, low: float, high: float) -> Iterator[Locator]:
        for subs in ((1, 2, 5), (1, 3), (1,)) if high < self._few * low else ((1,), (1, 3)):
            yield LogLocator(subs=subs, numticks=8)
        for n_steps in (5, 4, 3, 2, 1):
            yield MaxNLocator(n_steps, steps=[1, 2, 2.5, 5, 10])

    def _room(self, low: float, high: float) -> float:
        """Return the distance that labels need, in ln of what the axis shows."""
        axis = cast("Axis", self.axis)
        box = axis.axes.bbox
        across = axis is axis.axes.xaxis
        inches = (box.width if across else box.height) / axis.get_figure(root=True).dpi  # type: ignore[union-attr]
        return float(np.log(high / low)) * (self._inches if across else _LINE) / inches


def _steps(axis: Axis, *, few: float, inches: float) -> None:
    axis.set_major_locator(_RoundTicks(few=few, inches=inches))
    axis.set_minor_formatter(NullFormatter())
