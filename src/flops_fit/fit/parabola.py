"""One budget's parabola: ln loss = b0 + b1·z + b2·z² around a centre, robust and with a prior on b2."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.arrays import Floats
from flops_fit.fit.counting import bisquare

_L1_STEPS, _BISQUARE_STEPS = 5, 7
_FEWEST_FOR_ROBUSTNESS = 4.99  # five runs, but for rounding
_IGNORED = 0.1


class Vertex(NamedTuple):
    """The minimum of a parabola: ln N and ln loss there, each with its variance."""

    log_n: float
    log_n_var: float
    log_loss: float
    log_loss_var: float
    of_log_n: Floats
    """How ln N at the minimum moves with the ln loss of each run, shape (n_runs,)."""
    of_log_loss: Floats
    """How the minimum itself does, shape (n_runs,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parabola:
    """A fitted parabola and what its runs say without the prior on curvature."""

    centre: float
    coefficients: Floats
    """b0, b1, b2."""
    covariance: Floats
    """Shape (3, 3)."""
    response: Floats
    """How the coefficients move with the ln loss of each run, 0 outside the window; shape (3, n_runs)."""
    residuals: Floats
    """ln loss less the parabola; NaN for runs outside the window or all but ignored; shape (n_runs,)."""
    misses: Floats
    """The same of every run in the window, ignored or not, shape (n in the window,)."""
    powers: Floats
    """1, z and z² of every run, shape (n_runs, 3)."""
    n_runs: int
    """Runs in the window."""
    n_outliers: int
    """Those of them whose weight is below a tenth."""
    low: float
    """Smallest ln N in the window."""
    high: float
    """Largest ln N in the window."""
    dof: float
    """Runs to spare, as far as they count; the prior on b2 counts as half a run."""
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

    def vertex(self, least_curvature: float) -> Vertex:
        """Return the minimum where the curvature is `least_curvature` at least (delta method)."""
        b0, b1, _ = self.coefficients
        k = max(self.curvature, least_curvature)
        of_log_n = np.array([0, -1 / (2 * k), b1 / (2 * k**2)])
        of_loss = np.array([1, -b1 / (2 * k), b1**2 / (4 * k**2)])
        return Vertex(
            log_n=self.centre - b1 / (2 * k),
            log_n_var=float(of_log_n @ self.covariance @ of_log_n),
            log_loss=b0 - b1**2 / (4 * k),
            log_loss_var=float(of_loss @ self.covariance @ of_loss),
            of_log_n=of_log_n @ self.response,
            of_log_loss=of_loss @ self.response,
        )


def fit_parabola(
    log_n: Floats,
    log_loss: Floats,
    belief: Floats,
    *,
    centre: float,
    curvature: float,
    curvature_sd: float,
    noise: float,
) -> Parabola:
    """Fit ln loss over ln N - centre, under b2 ~ N(curvature, curvature_sd²).

    Runs count by their `belief`: 1, less where they repeat each other, 0 where they lie outside the window.
    From five on, weights go from least absolute deviations to bisquare at 6 times `noise`.
    """
    used = belief > 0
    powers = np.vander(log_n - centre, 3, increasing=True)
    prior = np.diag([1e-2, 1e-2, curvature_sd**-2.0])
    pull = prior @ np.array([log_loss[used].min(), 0.0, curvature])
    b, covariance, response, weights = _settled(powers, log_loss, belief, prior=prior, pull=pull, noise=noise)
    residuals = log_loss - powers @ b
    ignored = weights < _IGNORED * belief
    own = _without_prior(powers[used], log_loss[used], weights[used], noise, 0.4 * curvature)
    return Parabola(
        centre=float(centre),
        coefficients=b,
        covariance=covariance,
        response=response,
        residuals=np.where(used & ~ignored, residuals, np.nan),
        misses=residuals[used],
        powers=powers,
        n_runs=int(used.sum()),
        n_outliers=int(ignored.sum()),
        low=float(log_n[used].min()),
        high=float(log_n[used].max()),
        dof=float(belief.sum()) - 2.5,
        squares=float(weights @ residuals**2),
        own_curvature=own.curvature,
        own_curvature_var=own.curvature_var,
        own_vertex_var=own.vertex_var,
    )


class _Settled(NamedTuple):
    coefficients: Floats
    covariance: Floats
    response: Floats
    weights: Floats


def _settled(
    powers: Floats, log_loss: Floats, belief: Floats, *, prior: Floats, pull: Floats, noise: float
) -> _Settled:
    """Fit again with weights by the last residuals, a fixed number of times; once where runs are few."""
    robust = belief.sum() > _FEWEST_FOR_ROBUSTNESS
    weights = belief
    for step in range(_L1_STEPS + _BISQUARE_STEPS if robust else 1):
        scaled = powers * (weights / noise**2)[:, None]
        hessian = scaled.T @ powers + prior
        b = np.linalg.solve(hessian, scaled.T @ log_loss + pull)
        if robust:
            weights = belief * _robust_weights(log_loss - powers @ b, noise, settled=step >= _L1_STEPS)
    covariance = np.linalg.inv(hessian).astype(np.float64)
    return _Settled(b.astype(np.float64), covariance, covariance @ scaled.T, weights)


def nearby(z: Floats, window: float) -> NDArray[np.bool_]:
    """Select the runs in the window, or those of the three nearest sizes; boolean, shape (n_runs,)."""
    near = np.abs(z) <= window + 1e-9
    rounded = np.round(z, 3)
    if len(np.unique(rounded[near])) < 3:
        sizes = np.unique(rounded)
        near = np.isin(rounded, sizes[np.argsort(np.abs(sizes), kind="stable")[:3]])
    return near


def _robust_weights(residuals: Floats, noise: float, *, settled: bool) -> Floats:
    if settled:
        return np.maximum(bisquare(residuals, 6.0 * noise), 1e-3)
    return noise / np.maximum(np.abs(residuals), noise)


class _Own(NamedTuple):
    curvature: float = 0.0
    curvature_var: float = np.inf
    vertex_var: float = np.nan


def _without_prior(powers: Floats, y: Floats, weights: Floats, noise: float, least_curvature: float) -> _Own:
    """Return curvature, its variance and the variance of the vertex, as the runs alone have it."""
    if len(np.unique(np.round(powers[:, 1], 3))) < 4:
        return _Own()
    hessian = (powers * weights[:, None]).T @ powers
    b = np.linalg.solve(hessian, (powers * weights[:, None]).T @ y)
    covariance = noise**2 * np.linalg.inv(hessian)
    k = max(b[2], least_curvature)
    of_log_n = np.array([0, -1 / (2 * k), b[1] / (2 * k**2)])
    vertex_var = min(of_log_n @ covariance @ of_log_n, 0.25)
    return _Own(float(b[2]), float(covariance[2, 2]), float(vertex_var))
