"""The fit form `bnsl`: two power laws joined by a smooth break."""

from itertools import product
from typing import ClassVar, Literal

import numpy as np
from scipy.special import expit

from flops_fit.fit.arrays import Floats
from flops_fit.fit.curves.curve import Curve

_EXPONENTS = (0.02, 0.1, 0.3, 0.6, 1.2)
_SHARPNESSES = (0.2, 1.0)
_N_BREAKS = 7
"""Places of the break that are tried, evenly over ln x."""


class Bnsl(Curve):
    """L = E + B·x^-c0 · (1 + (x/d)^(1/f))^(-c1·f).

    The loss falls as x^-c0 below the break at d and as x^-(c0 + c1) above; small f makes it sharp.

    Source: Caballero et al. 2022, arXiv:2210.14891, equation 1, with one break.
    """

    kind: Literal["bnsl"] = "bnsl"
    param_names: ClassVar[tuple[str, ...]] = ("E", "B", "c0", "c1", "d", "f")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.0, np.inf),
        (0.0, np.inf),
        (-3.0, 3.0),
        (-3.0, 3.0),
        (0.0, np.inf),
        (0.02, 5.0),
    )
    offset: ClassVar[str | None] = "E"

    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x."""
        E, B, *bends = theta
        loss: Floats = E + B * _falling(bends, x)
        return loss

    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta."""
        _, B, c0, c1, d, f = theta
        z = (np.log(x) - np.log(d)) / f
        per_B, past = _falling((c0, c1, d, f), x), np.logaddexp(0.0, z)
        term = B * per_B
        columns = [np.ones_like(term), per_B, -np.log(x) * term, -f * past * term]
        columns += [c1 * expit(z) / d * term, -c1 * (past - z * expit(z)) * term]
        return np.stack(columns, axis=-1)

    def grid(self, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - the contract's arguments
        """Return (c0, c1, d, f) with plausible slopes on either side of breaks inside the data."""
        breaks = np.geomspace(n_units.min(), n_units.max(), _N_BREAKS + 2)[1:-1]
        bends = product(_EXPONENTS, _EXPONENTS, breaks, _SHARPNESSES)
        return np.array([(before, after - before, d, f) for before, after, d, f in bends]).T

    def columns(self, nonlinear: Floats, n_params: Floats, n_units: Floats) -> Floats:  # noqa: ARG002 - contract
        """Return what E and B multiply."""
        falling = _falling(nonlinear, n_units)
        return np.stack([np.ones_like(falling), falling])


def _falling(bends: Floats | list[Floats] | tuple[Floats, ...], x: Floats) -> Floats:
    c0, c1, d, f = bends
    log_x = np.log(x)
    falling: Floats = np.exp(-c0 * log_x - c1 * f * np.logaddexp(0.0, (log_x - np.log(d)) / f))
    return falling
