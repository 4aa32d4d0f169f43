"""Which sizes are as good as the best one, since nobody can train exactly N*."""

import numpy as np

from flops_fit.fit import Law, ScalingLaw, ValleyLaw
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.surface import SurfaceLaw
from flops_fit.quantities import Interval

UNKNOWN_NOISE = 0.01
"""Taken for the noise of a law that does not know its own, as a plugin's may not."""
_REACH = np.linspace(-5, 5, 2001)
"""e-folds of N around the best size that are looked at."""


def near_optimal_n(law: ScalingLaw, flops: float, n_params: float, *, noise: float) -> Interval:
    """Return the sizes around `n_params` whose loss, by the fitted curve, is at most e^noise times the least.

    It is no interval of confidence: it says where the valley is too flat to matter.
    """
    sizes = n_params * np.exp(_REACH)
    rise = np.log(law.headline.isoflop_curve(sizes, flops))
    rise -= rise.min()
    best, high_enough = int(rise.argmin()), np.flatnonzero(rise > max(noise, 0.0))
    below, above = high_enough[high_enough < best], high_enough[high_enough > best]
    low = below[-1] + 1 if len(below) else 0
    high = above[0] - 1 if len(above) else len(sizes) - 1
    return Interval(min(float(sizes[low]), n_params), max(float(sizes[high]), n_params), 1.0)


def noise_of_a_run(law: Law, *, flops: float, loss: float) -> float:
    """Return the standard deviation of ln loss by which one run scatters around a law."""
    if isinstance(law, ValleyLaw):
        return float(np.mean([member.vertices.noise for member in law.valley.members]))
    if isinstance(law, SurfaceLaw):
        return law.noise(loss, flops)
    if isinstance(law, MixtureLaw):
        return float(law.weights @ [member.noise(loss, flops) for member in law.members])
    return UNKNOWN_NOISE
