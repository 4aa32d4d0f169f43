"""One budget's parabola: ln loss = b0 + b1·z + b2·z² around a centre, robust and with a prior on b2."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import bisquare

_L1_STEPS, _BISQUARE_STEPS = 5, 7
_LEAST_RUNS_FOR_ROBUSTNESS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parabola:
    """A fitted parabola and what its runs say without the prior on curvature."""

    centre: float
    coefficients: Floats
    """b0, b1, b2."""
    covariance: Floats
    """Shape (3, 3)."""
    n_runs: int
    n_outliers: int
    """Runs whose weight is below a tenth."""
    low: float
    """Smallest ln N in the window."""
    high: float
    """Largest ln N in the window."""
    squares: float
    """Weighted sum of squared residuals."""
    own_curvature: float
    """b2 without the prior; 0 where the runs cannot tell."""
    own_curvature_var: float
    """Infinite where the runs cannot tell."""
    own_vertex_var: float
    """Variance of the vertex without the prior on b2; NaN where the runs cannot tell."""

    @property
    def curvature(self) -> float:
        """b2, prior included."""
        return float(self.coefficients[2])

    @property
    def dof(self) -> float:
        """Runs to spare; the prior on b2 counts as half a run."""
        return self.n_runs - 2.5

    def vertex(self, least_curvature: float) -> tuple[float, float, float, float]:
        """Return ln N of the minimum, its variance, ln loss there, and its variance (delta method)."""
        b0, b1, _ = self.coefficients
        k = max(self.curvature, least_curvature)
        of_log_n = np.array([0, -1 / (2 * k), b1 / (2 * k**2)])
        of_loss = np.array([1, -b1 / (2 * k), b1**2 / (4 * k**2)])
        return (
            self.centre - b1 / (2 * k),
            float(of_log_n @ self.covariance @ of_log_n),
            b0 - b1**2 / (4 * k),
            float(of_loss @ self.covariance @ of_loss),
        )


def fit_parabola(
    log_n: Floats,
    log_loss: Floats,
    *,
    centre: float,
    window: float,
    curvature: float,
    curvature_sd: float,
    noise: float,
) -> Parabola:
    """Fit the runs within `window` of `centre`, or the three nearest, under b2 ~ N(curvature, curvature_sd²).

    From five runs on, weights go from least absolute deviations to bisquare at 6 times `noise`.
    """
    near = _nearby(log_n - centre, window)
    z, y = log_n[near] - centre, log_loss[near]
    powers = np.vander(z, 3, increasing=True)
    prior = np.diag([1e-2, 1e-2, curvature_sd**-2.0])
    pull = prior @ np.array([y.min(), 0.0, curvature])
    weights, b, hessian = np.ones_like(y), np.zeros(3), prior
    robust = len(y) >= _LEAST_RUNS_FOR_ROBUSTNESS
    for step in range(_L1_STEPS + _BISQUARE_STEPS if robust else 1):
        scaled = powers * (weights / noise**2)[:, None]
        hessian = scaled.T @ powers + prior
        b = np.linalg.solve(hessian, scaled.T @ y + pull)
        if robust:
            weights = _robust_weights(y - powers @ b, noise, settled=step >= _L1_STEPS)
    own_curvature, own_curvature_var, own_vertex_var = _without_prior(
        powers, y, weights, noise, 0.4 * curvature
    )
    return Parabola(
        centre=float(centre),
        coefficients=b,
        covariance=np.linalg.inv(hessian),
        n_runs=len(y),
        n_outliers=int(np.sum(weights < 0.1)),
        low=float(log_n[near].min()),
        high=float(log_n[near].max()),
        squares=float(np.sum(weights * (y - powers @ b) ** 2)),
        own_curvature=own_curvature,
        own_curvature_var=own_curvature_var,
        own_vertex_var=own_vertex_var,
    )


def _nearby(z: Floats, window: float) -> NDArray[np.bool_]:
    """Select the runs in the window, or the three nearest to its centre; boolean, shape (n_runs,)."""
    near = np.abs(z) <= window + 1e-9
    if near.sum() < 3:
        near = np.zeros(len(z), dtype=bool)
        near[np.argsort(np.abs(z), kind="stable")[:3]] = True
    return near


def _robust_weights(residuals: Floats, noise: float, *, settled: bool) -> Floats:
    if settled:
        return np.maximum(bisquare(residuals, 6.0 * noise), 1e-3)
    return noise / np.maximum(np.abs(residuals), noise)


def _without_prior(
    powers: Floats, y: Floats, weights: Floats, noise: float, least_curvature: float
) -> tuple[float, float, float]:
    """Return curvature, its variance and the variance of the vertex, as the runs alone have it."""
    if len(np.unique(np.round(powers[:, 1], 3))) < 4:
        return 0.0, np.inf, np.nan
    hessian = (powers * weights[:, None]).T @ powers
    b = np.linalg.solve(hessian, (powers * weights[:, None]).T @ y)
    covariance = noise**2 * np.linalg.inv(hessian)
    k = max(b[2], least_curvature)
    of_log_n = np.array([0, -1 / (2 * k), b[1] / (2 * k**2)])
    return float(b[2]), float(covariance[2, 2]), float(min(of_log_n @ covariance @ of_log_n, 0.25))
