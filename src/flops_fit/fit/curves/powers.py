"""The fit forms `m1`, `m2` and `m3`: power laws in one quantity, bare, above a floor, and saturating.

Source: Alabdulmohsin et al. 2022, arXiv:2209.06640, the estimators that they call M1, M2 and M3; the formulas
agree with those of the code that the authors published.
"""

from typing import ClassVar, Literal

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.curves.curve import Curve

_EXPONENTS = np.geomspace(0.01, 2.0, 80)
_SATURATIONS = np.geomspace(1e-3, 1e2, 21)
"""Where `m3` bends, as multiples of the largest x."""


class M1(Curve):
    """L = B/x^c."""

    kind: Literal["m1"] = "m1"
    param_names: ClassVar[tuple[str, ...]] = ("B", "c")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf), (1e-3, 3.0))

    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x."""
        B, c = theta
        loss: Floats = B * x**-c
        return loss

    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta."""
        B, c = theta
        falling = x**-c
        return np.stack([falling, -B * np.log(x) * falling], axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return exponents."""
        return _EXPONENTS[None]

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return what B multiplies."""
        (c,) = nonlinear
        return np.stack([n_units**-c])


class M2(Curve):
    """L = E + B/x^c."""

    kind: Literal["m2"] = "m2"
    param_names: ClassVar[tuple[str, ...]] = ("E", "B", "c")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf), (0.0, np.inf), (1e-3, 3.0))
    offset: ClassVar[str | None] = "E"

    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x."""
        E, B, c = theta
        loss: Floats = E + B * x**-c
        return loss

    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta."""
        _, B, c = theta
        falling = x**-c
        return np.stack([np.ones_like(falling), falling, -B * np.log(x) * falling], axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return exponents."""
        return _EXPONENTS[None]

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return what E and B multiply."""
        (c,) = nonlinear
        falling = n_units**-c
        return np.stack([np.ones_like(falling), falling])


class M3(Curve):
    """L = B·(1/x + gamma)^c: a power law until x = 1/gamma, and B·gamma^c far beyond."""

    kind: Literal["m3"] = "m3"
    param_names: ClassVar[tuple[str, ...]] = ("B", "c", "gamma")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf), (1e-3, 3.0), (0.0, np.inf))

    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x."""
        B, c, gamma = theta
        loss: Floats = B * (1 / x + gamma) ** c
        return loss

    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta."""
        B, c, gamma = theta
        rate = 1 / x + gamma
        power = rate**c
        return np.stack([power, B * np.log(rate) * power, B * c * power / rate], axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return pairs of c and gamma."""
        return np.stack(np.meshgrid(_EXPONENTS, 1 / (_SATURATIONS * n_units.max()))).reshape(2, -1)

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return what B multiplies."""
        c, gamma = nonlinear
        return np.stack([(1 / n_units + gamma) ** c])
