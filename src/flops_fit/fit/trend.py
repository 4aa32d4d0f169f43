"""How the minimum moves with compute: a straight line at the top budget that may drift away from it below.

Each budget's value is line(t) + drift(t) + scatter, with t = ln C - ln C_top. The drift is an integrated
Wiener process that runs backwards from the top budget, where it and its slope are zero: level and slope of
the line are those at the top, low budgets count for less the further down they are, and a forecast grows
less certain with the cube of its distance. Scatter, drift and its growth downwards, the irreducible loss
and whether to expect anything of the slope are not chosen but averaged over, each combination weighted by
its evidence.

One model serves both trends, ln y = ln(floor + e^line): ln N* has no floor, ln L* has the irreducible loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.drift import Linearised, drift_covariance, inverse, linearise, noise_covariance, scattered
from flops_fit.fit.options import Noises, Slopes, loss_slopes, noises, size_slopes

_LEVEL_PRIOR_SD = 3.0
_LEAST_WEIGHT = 1e-7
"""Lines of less weight than this are forgotten."""
_ROBUST_PASSES = 3


class LogEstimate(NamedTuple):
    """Mean and variance of the logarithm of a quantity."""

    mean: float
    variance: float

    @property
    def value(self) -> float:
        """The quantity itself."""
        return float(antilog(np.array(self.mean)))


def antilog(log_value: Floats) -> Floats:
    """Return e^log_value as far as a float can hold it, shape of `log_value`."""
    value: Floats = np.exp(np.clip(log_value, -700, 700))
    return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trend:
    """A mixture of lines, one per combination of floor, scatter and drift; arrays of shape (n_lines, ...)."""

    log_flops: Floats
    """Of the budgets, ascending; shape (n_budgets,)."""
    log_values: Floats
    """What the budgets show; shape (n_budgets,)."""
    covariance: Floats
    """How far the budgets are believed; shape (n_budgets, n_budgets)."""
    weights: Floats
    floors: Floats
    lines: Floats
    """Level and slope at the top budget, shape (n_lines, 2)."""
    covariances: Floats
    """Shape (n_lines, 2, 2)."""
    scatters: Floats
    drifts: Floats
    growths: Floats
    slope_doubt: float
    """Probability that what is expected of the slope does not hold for these budgets."""
    inflations: Floats
    """How many times its variance each budget needs to fit in; shape (n_budgets,)."""

    def predict(self, log_flops: float) -> LogEstimate:
        """Return ln of the quantity for a new budget of e^log_flops.

        Above the top budget the line goes on; within the range trained the answer follows the drift.
        """
        t = log_flops - self.log_flops[-1]
        log_value, share = self._over_floor(t)
        drift = self._drift(t)
        of_line = np.array([1.0, t]) * share[:, None] - drift.known_from_line
        variance = (
            np.einsum("mi,mij,mj->m", of_line, self.covariances, of_line) + self.scatters**2 + drift.variance
        )
        return _mixture(self.weights, log_value + drift.mean, variance)

    def slope(self) -> LogEstimate:
        """Return the slope of the line at the top budget."""
        return _mixture(self.weights, self.lines[:, 1], self.covariances[:, 1, 1])

    def relative_slope(self) -> LogEstimate:
        """Return d ln y / d ln C at the top budget; it differs from `slope` where there is a floor."""
        _, share = self._over_floor(0.0)
        return _mixture(self.weights, share * self.lines[:, 1], share**2 * self.covariances[:, 1, 1])

    def floor(self) -> float:
        """Return the floor, averaged over the mixture."""
        return float(self.weights @ self.floors)

    def _over_floor(self, t: float) -> tuple[Floats, Floats]:
        """Return ln y by every line at t, and the share of y that is above the floor."""
        line = self.lines @ np.array([1.0, t])
        log_floor = np.log(self.floors, where=self.floors > 0, out=np.full_like(line, -np.inf))
        log_value = np.logaddexp(log_floor, line)
        return log_value, np.exp(line - log_value)

    def _drift(self, t: float) -> _Drift:
        """Return the drift at t: unknown above the top budget, below it known from the budgets around."""
        if t >= 0:
            none = np.zeros(len(self.weights))
            return _Drift(none, np.zeros_like(self.lines), self.drifts**2 * t**3 / 3)
        budgets, strength = _budgets_of(self), self.drifts[:, None] ** 2
        seen = self.log_flops - self.log_flops[-1]
        shared = strength * drift_covariance(np.array([t]), seen, self.growths)[:, 0]
        unseen = self.drifts**2 * drift_covariance(np.array([t]), np.array([t]), self.growths)[:, 0, 0]
        gain = np.einsum("mn,mnk->mk", shared, budgets.precision)
        return _Drift(
            mean=np.sum(gain * budgets.residual, axis=1),
            known_from_line=np.einsum("mn,mnp->mp", gain, budgets.design),
            variance=np.maximum(unseen - np.sum(gain * shared, axis=1), 0),
        )


class _Drift(NamedTuple):
    """The drift at one compute, for every line of the mixture."""

    mean: Floats
    known_from_line: Floats
    """How the drift falls when the line is raised or tilted, shape (n_lines, 2)."""
    variance: Floats


class _Budgets(NamedTuple):
    """The budgets around every line of a mixture; it is the same whatever compute is asked about."""

    design: Floats
    residual: Floats
    precision: Floats


@lru_cache(maxsize=32)
def _budgets_of(trend: Trend) -> _Budgets:
    t = trend.log_flops - trend.log_flops[-1]
    shown = linearise(t, trend.log_values, trend.floors)
    return _Budgets(
        design=shown.design,
        residual=shown.target - np.einsum("mnp,mp->mn", shown.design, trend.lines),
        precision=inverse(noise_covariance(t, trend.covariance, trend.scatters, trend.drifts, trend.growths)),
    )


def _mixture(weights: Floats, means: Floats, variances: Floats) -> LogEstimate:
    mean = float(weights @ means)
    return LogEstimate(mean, float(weights @ (variances + (means - mean) ** 2)))


def fit_size_trend(log_flops: Floats, log_n: Floats, covariance: Floats, *, drifting: bool = True) -> Trend:
    """Fit ln N* over ln C, shape (n_budgets,); without drift it is one straight line through all budgets.

    `covariance` is that of ln N* as the budgets show it, shape (n_budgets, n_budgets).
    """
    noise = noises(scatters=(0.02, 0.05, 0.10), drifts=(0.005, 0.02, 0.05, 0.09) if drifting else (0.0,))
    return _fit(log_flops, log_n, covariance, noise, size_slopes())


def fit_loss_trend(log_flops: Floats, log_loss: Floats, covariance: Floats) -> Trend:
    """Fit ln L* over ln C, shape (n_budgets,), whose covariance has shape (n_budgets, n_budgets)."""
    noise = noises(scatters=(0.0005, 0.0015, 0.004), drifts=(0.0006, 0.0018, 0.005, 0.012))
    return _fit(log_flops, log_loss, covariance, noise, loss_slopes(log_loss))


def _fit(log_flops: Floats, log_value: Floats, covariance: Floats, noise: Noises, slope: Slopes) -> Trend:
    """Average the lines of all options, after doubting budgets that do not fit in.

    A budget is doubted by its misfit to a drift that does not grow downwards: one that does would follow a
    single odd budget.
    """
    t = log_flops - log_flops[-1]
    variance = np.diag(covariance)
    doubted = variance
    for _ in range(_ROBUST_PASSES):
        trusted = covariance + np.diag(doubted - variance)
        steady = _fit_lines(t, log_value, trusted, noise.steady(), slope)
        misfit = np.einsum("so,son->n", _weights(steady), steady.misfits)
        doubted = variance * np.maximum(1, (4 + misfit) / 5)
        doubted = doubted + np.maximum(0, misfit - 4) / 5 * noise.scatters.mean() ** 2
    lines = _fit_lines(t, log_value, trusted, noise, slope)
    weights = _weights(lines)
    kept = np.nonzero(weights > _LEAST_WEIGHT)
    of_slope, of_noise = kept
    return Trend(
        log_flops=log_flops,
        log_values=log_value,
        covariance=trusted,
        weights=weights[kept] / weights[kept].sum(),
        floors=slope.floors[of_slope],
        lines=lines.lines[kept],
        covariances=lines.covariances[kept],
        scatters=noise.scatters[of_noise],
        drifts=noise.drifts[of_noise],
        growths=noise.growths[of_noise],
        inflations=doubted / variance,
        slope_doubt=float(weights.sum(axis=1) @ slope.odd),
    )


def _weights(lines: _Lines) -> Floats:
    """Return the probability of every line, shape (n_slopes, n_noises)."""
    weights = np.exp(lines.log_evidence - lines.log_evidence.max())
    probabilities: Floats = weights / weights.sum()
    return probabilities


class _Lines(NamedTuple):
    """One fitted line per expectation of the slope and kind of noise; shapes (n_slopes, n_noises, ...)."""

    log_evidence: Floats
    lines: Floats
    covariances: Floats
    misfits: Floats
    """Squared standardised scatter of each budget, shape (n_slopes, n_noises, n_budgets)."""


def _fit_lines(t: Floats, log_value: Floats, of_budgets: Floats, noise: Noises, slope: Slopes) -> _Lines:
    """Fit every line in closed form: generalised least squares on ln y with Gaussian expectations."""
    shown = linearise(t, log_value, slope.floors)
    target, design = shown.target[:, None, :, None], shown.design[:, None]
    covariance = noise_covariance(t, of_budgets, noise.scatters, noise.drifts, noise.growths)
    precision = inverse(covariance)

    rows, means, sds = _expectations(shown, slope)
    scaled = (rows / sds[..., None]).swapaxes(-1, -2)
    weighted = design.swapaxes(-1, -2) @ precision
    hessian = weighted @ design + (scaled @ scaled.swapaxes(-1, -2))[:, None]
    pull = weighted @ target + (scaled @ (means / sds)[..., None])[:, None]
    line = np.linalg.solve(hessian, pull)

    residual = target - design @ line
    surprise = (rows[:, None] @ line)[..., 0] - means[:, None]
    squares = (residual.swapaxes(-1, -2) @ precision @ residual)[..., 0, 0]
    squares = squares + np.sum((surprise / sds[:, None]) ** 2, axis=-1)
    log_evidence = -0.5 * (squares + np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(hessian)[1])
    log_evidence = log_evidence + (slope.log_prior - np.log(slope.sds).sum(axis=1))[:, None]
    steady = scattered(of_budgets, noise.scatters)
    scatter = (steady @ precision @ residual)[..., 0]
    misfits = scatter**2 / np.diagonal(steady, axis1=-2, axis2=-1)
    covariances = np.linalg.inv(hessian).astype(np.float64)
    return _Lines(log_evidence, line[..., 0].astype(np.float64), covariances, misfits)


def _expectations(shown: Linearised, slope: Slopes) -> tuple[Floats, Floats, Floats]:
    """Return what is expected of (level, slope): rows, means and sds, the first row a vague level."""
    stretch, level = shown.stretch[:, -1], shown.target[:, -1] * shown.stretch[:, -1]
    n_slopes, n_expected = slope.factors.shape
    rows = np.zeros((n_slopes, 1 + n_expected, 2))
    rows[:, 0, 0], rows[:, 1:, 1] = 1.0, slope.factors
    means = np.column_stack([level, slope.means])
    sds = np.column_stack([_LEVEL_PRIOR_SD * stretch, slope.sds])
    return rows, means, sds
