"""The fit form `m4`: a sigmoid in ln x between the loss of knowing nothing and the irreducible loss."""

from itertools import product
from typing import ClassVar, Literal

import numpy as np
from scipy.special import expit, log_expit

from flops_fit.fit.arrays import Floats
from flops_fit.fit.curves.curve import Curve
from flops_fit.fit.forms import Chinchilla

_NEWTON_STEPS = 60
_FLOORS, _GAPS, _BENDS = (0.0, 0.5, 0.95), (1.1, 2.0, 5.0), (0.2, 1.0)


class M4(Curve):
    """p/(1 - p)^a = (x0/x)^c, where p = (L - E)/gap is the share of the avoidable loss that is left.

    That is (L - E)/(L0 - L)^a = B/x^c, as the paper writes it, with L0 = E + gap and B = x0^c·gap^(1 - a); in
    these parameters few runs determine more. For large x it is `m2`; for small x the loss approaches L0,
    that of a model which knows nothing.

    Source: Alabdulmohsin et al. 2022, arXiv:2209.06640, the estimator that they call M4; the formula agrees
    with that of the code that the authors published.
    """

    kind: Literal["m4"] = "m4"
    param_names: ClassVar[tuple[str, ...]] = ("E", "gap", "x0", "c", "a")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.0, np.inf),
        (0.0, np.inf),
        (0.0, np.inf),
        (1e-3, 3.0),
        (1e-2, 10.0),
    )
    offset: ClassVar[str | None] = "E"

    def at(self, theta: Floats, x: Floats) -> Floats:
        """Return the loss at each x: the root of the form's equation."""
        E, gap, *_ = theta
        loss: Floats = E + gap * expit(_logit(theta, x))
        return loss

    def slopes(self, theta: Floats, x: Floats) -> Floats:
        """Return dL/dtheta, by differentiating the form's equation."""
        _, gap, x0, c, a = theta
        t = _logit(theta, x)
        left, gone = expit(t), expit(-t)
        per_log = gap * left * gone / (gone + a * left)
        by_c, by_a = np.log(x0 / x) * per_log, log_expit(-t) * per_log
        return np.stack([np.ones_like(left), left, c / x0 * per_log, by_c, by_a], axis=-1)

    def starts(self, plain: Floats, n_params: Floats, n_units: Floats) -> Floats:
        """Return sigmoids through the middle of a power law fitted to the same runs."""
        losses = Chinchilla().predict(plain, n_params, n_units)
        middle, log_x, c = float(np.median(losses)), float(np.log(n_units).mean()), float(plain[-1])
        starts = []
        for floor, high, a in product(_FLOORS, _GAPS, _BENDS):
            E = floor * float(losses.min())
            gap = high * float(losses.max()) - E
            share_left = (middle - E) / gap
            log_odds = np.log(share_left) - a * np.log(1 - share_left)
            starts.append((E, gap, np.exp(log_x + log_odds / c), c, a))
        return np.array(starts)


def _logit(theta: Floats, x: Floats) -> Floats:
    """Solve the form's equation for ln(p/(1 - p)), by Newton's method.

    ln p - a·ln(1 - p) grows with it and bends one way only, so the iteration cannot miss.
    """
    _, _, x0, c, a = theta
    wanted = c * np.log(x0 / x)
    t: Floats = np.zeros_like(wanted)
    for _ in range(_NEWTON_STEPS):
        step = (log_expit(t) - a * log_expit(-t) - wanted) / (expit(-t) + a * expit(t))
        t = t - step
        if np.all(np.abs(step) < 1e-13 * (1 + np.abs(t))):
            break
    return t
