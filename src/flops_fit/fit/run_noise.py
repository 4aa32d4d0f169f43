"""How far runs scatter around a surface, by their compute; they count by the inverse of its square.

No form is exactly right, and the surface is asked about large runs, so small ones say less: see
docs/explanation/decisions/0009-small-runs-count-less.md.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import robust_scale

DOUBT, GRAVE_DOUBT = 0.001, 0.003
"""What a form gets wrong of ln loss per e-fold of compute below the largest run, and where residuals show
that it is wrong. Set down before any table was tried with them."""
_LEAST = 1e-9
"""Standard deviation of ln loss below which there is nothing to weigh."""
_QUIETEST = 0.1
"""Share of what runs scatter by without doubt, misfit included, that is taken to be noise at least."""
_HALVINGS = 40
_PARTS = 11
_TAILS = 4.0
"""Degrees of freedom of a residual: bad runs must not decide where the others scatter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNoise:
    """The variance of a response at a compute: s² + tau² + doubt², where ln s² is a straight line in ln C."""

    at_centre: float
    """ln s² at the centre."""
    slope: float = 0.0
    centre: float = 0.0
    """ln C."""
    tau: float = 0.0
    """Standard deviation of what seeds do not explain."""
    doubt: float = 0.0
    """Standard deviation of what the form gets wrong, per e-fold of compute below the top."""
    top: float = 0.0
    """ln C of the largest run."""
    mean_precision: float = 1.0
    """1 / variance, averaged over the runs."""

    def variance(self, flops: Floats) -> Floats:
        """Return the variance at each compute."""
        seeds = np.exp(self.at_centre + self.slope * (np.log(flops) - self.centre))
        below = np.maximum(self.top - np.log(flops), 0.0)
        variance: Floats = seeds + self.tau**2 + (self.doubt * below) ** 2
        return variance

    def weights(self, flops: Floats) -> Floats:
        """Return how much a run counts at each compute; 1 on average over the runs."""
        weights: Floats = 1 / self.variance(flops) / self.mean_precision
        return weights

    def normalised(self, flops: Floats) -> Self:
        """Return the same with weights of 1 on average over these runs."""
        return replace(self, mean_precision=float(np.mean(1 / self.variance(flops))))

    def doubted(self, flops: Floats, residuals: Floats, doubt: float) -> Self:
        """Return the noise around a form that is not exactly right.

        Of what residuals scatter by, the doubt explains a part and the noise the rest, so that residuals over
        their standard deviations scatter by 1. How large a part, up to `doubt`, is what makes the residuals
        likeliest, as of a Student t: runs that scatter alike at every compute leave none to the doubt.

        Args:
            flops: Compute of the runs, shape (n_runs,).
            residuals: What a fit leaves of the response, of the same shape.
            doubt: Per e-fold of compute below the largest run.
        """
        top = float(np.log(flops.max()))
        parts = [replace(self, doubt=doubt * i / (_PARTS - 1), top=top) for i in range(_PARTS)]
        explained = [part.explaining(flops, residuals) for part in parts]
        return max(explained, key=lambda noise: noise.log_likelihood(flops, residuals)).normalised(flops)

    def explaining(self, flops: Floats, residuals: Floats) -> Self:
        """Return noise so loud that, with the doubt, residuals scatter by their standard deviations."""
        low, high = float(np.log(_QUIETEST)), 0.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            spread = robust_scale(residuals / np.sqrt(self.louder(middle).variance(flops)))
            low, high = (middle, high) if spread > 1 else (low, middle)
        return self.louder(high)

    def log_likelihood(self, flops: Floats, residuals: Floats) -> float:
        """Return the likelihood of the residuals as of a Student t of this spread, up to a constant."""
        variance = self.variance(flops)
        tails = (_TAILS + 1) * np.log1p(residuals**2 / (_TAILS * variance))
        return -0.5 * float(np.sum(np.log(variance) + tails))

    def louder(self, log_times: float) -> Self:
        """Return the same doubt with noise whose standard deviation is e^log_times as large."""
        times = float(np.exp(log_times))
        return replace(self, at_centre=self.at_centre + 2 * log_times, tau=self.tau * times)


def alike(scale: float) -> RunNoise:
    """Return the noise of runs that all scatter by one standard deviation."""
    return RunNoise(at_centre=2 * float(np.log(max(scale, _LEAST))))
