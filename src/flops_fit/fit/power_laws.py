"""The power laws that papers print: N*(C) = G·C^a, D*(C) = G·C^a and L*(C) = E + K/C^g, in linear space.

They describe the budgets trained. In linear space the largest budgets decide about N* and D*. Each law is
fitted for itself, so exponents need not add up to 1 where C = 6·N·D. The answers of a law rest on its own
trends, which may bend and which carry intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from flops_fit.fit.arrays import Floats
from flops_fit.fit.budgets import budgets_of
from flops_fit.fit.interpolated import (
    InterpolatedMinimum,
    NoMinimum,
    interpolated_minima,
    without_minimum,
)
from flops_fit.fit.points import Points

_FEWEST_BUDGETS = 3
_GOOD_R_SQUARED = 0.9
_FALLS = np.geomspace(0.01, 1.0, 60)
"""Exponents of the loss from the best of which its fit starts."""
_STEEPEST = 3.0
_NO_FLOOR = 1e-6
"""Share of the largest value below which a floor is none: the search nears its bound without reaching it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """floor + scale · C^exponent, C in FLOPs."""

    quantity: str
    """'N*', 'D*' or 'L*'."""
    floor: float
    scale: float
    exponent: float
    r_squared: float | None
    """Share of the variance between budgets explained, in linear space; None where none is to spare."""
    n_budgets: int

    def at(self, flops: Floats) -> Floats:
        """Return the law's value at each compute, shape of `flops`."""
        values: Floats = self.floor + self.scale * np.asarray(flops) ** self.exponent
        return values

    @property
    def sentence(self) -> str:
        """The law in words and numbers."""
        floor = f"{self.floor:.4g} + " if self.floor else ""
        return (
            f"{self.quantity}(C) = {floor}{self.scale:.4g} · C^{self.exponent:.4f}, "
            f"{self._fits}over {self.n_budgets} budgets."
        )

    @property
    def _fits(self) -> str:
        if self.r_squared is None:
            return ""
        scatter = "" if self.r_squared >= _GOOD_R_SQUARED else "(the minima scatter widely about it) "
        return f"R² = {self.r_squared:.4f} {scatter}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaws:
    """The three laws of one sweep, through the interpolated minima of its budgets."""

    n_params: PowerLaw
    n_units: PowerLaw
    loss: PowerLaw
    left_out: tuple[NoMinimum, ...] | None = None
    """Budgets that take no part; None in laws that were kept before this was."""

    @property
    def about_budgets(self) -> str:
        """Which budgets take part, and why the others do not."""
        taking_part = self.n_params.n_budgets
        if self.left_out is None:
            return f"{taking_part} budgets take part."
        if not self.left_out:
            return f"All {taking_part} budgets take part."
        n_budgets = taking_part + len(self.left_out)
        return f"{taking_part} of {n_budgets} budgets take part; not {_named(self.left_out)}."


def _named(left_out: Sequence[NoMinimum]) -> str:
    """Name budgets, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for budget in left_out:
        by_reason.setdefault(budget.reason, []).append(f"{budget.flops:.3g}")
    return "; ".join(f"{', '.join(flops)} ({reason})" for reason, flops in by_reason.items())


def fit_power_laws(points: Points) -> PowerLaws | None:
    """Fit the laws by nonlinear least squares; None where fewer than three budgets show a minimum."""
    budgets = budgets_of(points)
    minima = interpolated_minima(budgets)
    if len(minima) < _FEWEST_BUDGETS or np.ptp([m.flops for m in minima]) == 0:
        return None
    flops, sizes = np.array([m.flops for m in minima]), np.exp([m.log_n for m in minima])
    return PowerLaws(
        n_params=_proportional("N*", flops, sizes),
        n_units=_proportional("D*", flops, flops / points.flops_per_unit.at(sizes)),
        loss=loss_power_law(minima),
        left_out=without_minimum(budgets, minima),
    )


def loss_power_law(minima: Sequence[InterpolatedMinimum]) -> PowerLaw:
    """Fit L* = E + K/C^g with E and K not below 0 to three minima or more."""
    return saturating(
        "L*", np.array([m.flops for m in minima]), np.exp(np.array([m.log_loss for m in minima]))
    )


def saturating(quantity: str, flops: Floats, values: Floats) -> PowerLaw:
    """Fit values = E + K/C^g, E and K not below 0, by least squares from the best of a grid of g."""
    top, size = float(flops.max()), float(values.max())
    x, y = np.log(flops / top), values / size

    def misses(p: Floats) -> Floats:
        falling: Floats = p[0] + p[1] * np.exp(-p[2] * x) - y
        return falling

    E, K, g = least_squares(
        misses, _start(x, y), bounds=((0, 0, 1e-4), (np.inf, np.inf, _STEEPEST)), x_scale="jac", xtol=1e-12
    ).x
    left = misses(np.array([E, K, g]))
    return PowerLaw(
        quantity=quantity,
        floor=float(E * size) if E > _NO_FLOOR else 0.0,
        scale=float(K * size * top**g),
        exponent=-float(g),
        r_squared=_r_squared(left, y, n_fitted=3),
        n_budgets=len(flops),
    )


def _start(x: Floats, y: Floats) -> Floats:
    """Return E, K and g of the best g on a grid; E and K by linear least squares."""
    fits = []
    for g in _FALLS:
        falling = np.exp(-g * x)
        (E, K), *_ = np.linalg.lstsq(np.stack([np.ones_like(x), falling], axis=1), y, rcond=None)
        E, K = (E, K) if E >= 0 else (0.0, float(falling @ y / (falling @ falling)))
        E, K = (E, K) if K >= 0 else (float(y.mean()), 0.0)
        fits.append((float(np.sum((E + K * falling - y) ** 2)), E, K, g))
    return np.maximum(min(fits)[1:], (1e-9, 1e-9, 1e-3))


def _proportional(quantity: str, flops: Floats, values: Floats) -> PowerLaw:
    """Fit values = G·C^a by least squares, from the line through their logarithms."""
    top, size = float(flops.max()), float(values.max())
    x, y = np.log(flops / top), values / size
    level, slope = np.polynomial.polynomial.polyfit(x, np.log(y), 1)

    def misses(p: Floats) -> Floats:
        growing: Floats = np.exp(p[0] + p[1] * x) - y
        return growing

    log_scale, exponent = least_squares(misses, [level, slope], xtol=1e-12).x
    left = misses(np.array([log_scale, exponent]))
    return PowerLaw(
        quantity=quantity,
        floor=0.0,
        scale=float(np.exp(log_scale + np.log(size) - exponent * np.log(top))),
        exponent=float(exponent),
        r_squared=_r_squared(left, y, n_fitted=2),
        n_budgets=len(flops),
    )


def _r_squared(misses: Floats, values: Floats, *, n_fitted: int) -> float | None:
    total = float(np.sum((values - values.mean()) ** 2))
    if len(values) <= n_fitted or total <= 0:
        return None
    return 1.0 - float(np.sum(misses**2)) / total
