"""How the minimum moves with compute: a straight line at the top budget that may drift away from it below.

Each budget's value is line(t) + drift(t) + scatter, with t = ln C - ln C_top. The drift is an integrated
Wiener process that runs backwards from the top budget, where it and its slope are zero: level and slope of
the line are those at the top, low budgets count for less the further down they are, and a forecast grows
less certain with the cube of its distance. Scatter, drift and the irreducible loss are not chosen but
averaged over, each combination weighted by its evidence.

One model serves both trends, ln y = ln(floor + e^line): ln N* has no floor, ln L* has the irreducible loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.drift import Linearised, drift_covariance, linearise, noise_covariance

_LEVEL_PRIOR_SD = 3.0
_ROBUST_PASSES = 3


class LogEstimate(NamedTuple):
    """Mean and variance of the logarithm of a quantity."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trend:
    """A mixture of lines, one per combination of floor, scatter and drift; arrays of shape (n_lines, ...)."""

    log_flops: Floats
    """Of the budgets, ascending; shape (n_budgets,)."""
    log_values: Floats
    """What the budgets show; shape (n_budgets,)."""
    variances: Floats
    """How far the budgets are believed; shape (n_budgets,)."""
    weights: Floats
    floors: Floats
    lines: Floats
    """Level and slope at the top budget, shape (n_lines, 2)."""
    covariances: Floats
    """Shape (n_lines, 2, 2)."""
    scatters: Floats
    drifts: Floats
    inflations: Floats
    """How many times its variance each budget needs to fit in; shape (n_budgets,)."""

    def predict(self, log_flops: float) -> LogEstimate:
        """Return ln of the quantity for a new budget of e^log_flops.

        Above the top budget the line goes on; within the range trained the answer follows the drift.
        """
        t = log_flops - self.log_flops[-1]
        above_floor = np.exp(self.lines @ np.array([1.0, t]))
        value = self.floors + above_floor
        drift = self._drift(t)
        of_line = np.array([1.0, t]) * (above_floor / value)[:, None] - drift.known_from_line
        variance = (
            np.einsum("mi,mij,mj->m", of_line, self.covariances, of_line) + self.scatters**2 + drift.variance
        )
        return _mixture(self.weights, np.log(value) + drift.mean, variance)

    def slope(self) -> LogEstimate:
        """Return the slope of the line at the top budget."""
        return _mixture(self.weights, self.lines[:, 1], self.covariances[:, 1, 1])

    def floor(self) -> float:
        """Return the floor, averaged over the mixture."""
        return float(self.weights @ self.floors)

    def _drift(self, t: float) -> _Drift:
        """Return the drift at t: unknown above the top budget, below it known from the budgets around."""
        if t >= 0:
            none = np.zeros(len(self.weights))
            return _Drift(none, np.zeros_like(self.lines), self.drifts**2 * t**3 / 3)
        strength, seen = self.drifts[:, None] ** 2, self.log_flops - self.log_flops[-1]
        shown = linearise(seen, self.log_values, self.floors)
        precision = np.linalg.inv(noise_covariance(seen, self.variances, self.scatters, self.drifts))
        shared = strength * drift_covariance(np.array([t]), seen)
        gain = np.einsum("mn,mnk->mk", shared, precision)
        residual = shown.target - np.einsum("mnp,mp->mn", shown.design, self.lines)
        return _Drift(
            mean=np.sum(gain * residual, axis=1),
            known_from_line=np.einsum("mn,mnp->mp", gain, shown.design),
            variance=self.drifts**2 * drift_covariance(np.array([t]), np.array([t]))[0, 0]
            - np.sum(gain * shared, axis=1),
        )


class _Drift(NamedTuple):
    """The drift at one compute, for every line of the mixture."""

    mean: Floats
    known_from_line: Floats
    """How the drift falls when the line is raised or tilted, shape (n_lines, 2)."""
    variance: Floats


def _mixture(weights: Floats, means: Floats, variances: Floats) -> LogEstimate:
    mean = float(weights @ means)
    return LogEstimate(mean, float(weights @ (variances + (means - mean) ** 2)))


def fit_size_trend(log_flops: Floats, log_n: Floats, variance: Floats, *, drifting: bool = True) -> Trend:
    """Fit ln N* over ln C, shape (n_budgets,); without drift it is one straight line through all budgets.

    The exponent is expected at 0.5 ± 0.2: published ones lie between 0.37 and 0.79.
    """
    drifts = (0.005, 0.02, 0.05, 0.09) if drifting else (0.0,)
    options = _combine(floors=np.array([0.0]), scatters=(0.02, 0.05, 0.10), drifts=drifts)
    prior = _SlopePrior(factors=np.array([[1.0]]), means=np.array([0.5]), sds=np.array([0.2]))
    return _fit(log_flops, log_n, variance, options, prior)


def fit_loss_trend(log_flops: Floats, log_loss: Floats, variance: Floats) -> Trend:
    """Fit ln L* over ln C, shape (n_budgets,).

    For L* = E + K·C^-g the loss falls by a share (1 - E/L)·g per e-fold of compute, expected at 0.06 ± 0.03,
    and that share itself decays by g·E/L per e-fold, expected at 0.10 ± 0.05.
    """
    shares = np.array([0.0, *np.linspace(0.2, 0.96, 20)])
    options = _combine(
        floors=shares * np.exp(log_loss.min()),
        scatters=(0.0005, 0.0015, 0.004),
        drifts=(0.0006, 0.0018, 0.005, 0.012),
    )
    prior = _SlopePrior(
        factors=np.stack([shares - 1, -shares], axis=1),
        means=np.array([0.06, 0.10]),
        sds=np.array([0.03, 0.05]),
    )
    return _fit(log_flops, log_loss, variance, options, prior)


class _Options(NamedTuple):
    """What a trend averages over: every floor with every pair of scatter and drift, all equally likely."""

    floors: Floats
    scatters: Floats
    """Standard deviation of a budget around its trend beyond its own uncertainty; shape (n_pairs,)."""
    drifts: Floats
    """Standard deviation of the drift per e-fold of compute to the power 3/2; shape (n_pairs,)."""


def _combine(floors: Floats, scatters: tuple[float, ...], drifts: tuple[float, ...]) -> _Options:
    pairs = np.array(list(product(scatters, drifts)))
    return _Options(floors=floors, scatters=pairs[:, 0], drifts=pairs[:, 1])


class _SlopePrior(NamedTuple):
    """Weak expectations of multiples of the slope."""

    factors: Floats
    """What the slope is multiplied by, shape (n_floors, n_expectations)."""
    means: Floats
    sds: Floats


def _fit(
    log_flops: Floats, log_value: Floats, variance: Floats, options: _Options, prior: _SlopePrior
) -> Trend:
    """Average the lines of all options, three times over, doubting budgets that do not fit in."""
    t = log_flops - log_flops[-1]
    trusted, doubted = variance, variance
    for _ in range(_ROBUST_PASSES):
        trusted = doubted
        lines = _fit_lines(t, log_value, trusted, options, prior)
        weights = np.exp(lines.log_evidence - lines.log_evidence.max())
        weights /= weights.sum()
        misfit = np.einsum("fo,fon->n", weights, lines.misfits)
        doubted = variance * np.maximum(1, (4 + misfit) / 5)
        doubted = doubted + np.maximum(0, misfit - 4) / 5 * options.scatters.mean() ** 2
    return Trend(
        log_flops=log_flops,
        log_values=log_value,
        variances=trusted,
        weights=weights.ravel(),
        floors=np.repeat(options.floors, len(options.scatters)),
        lines=lines.lines.reshape(-1, 2),
        covariances=lines.covariances.reshape(-1, 2, 2),
        scatters=np.tile(options.scatters, len(options.floors)),
        drifts=np.tile(options.drifts, len(options.floors)),
        inflations=doubted / variance,
    )


class _Lines(NamedTuple):
    """One fitted line per floor and per pair of scatter and drift; shapes (n_floors, n_pairs, ...)."""

    log_evidence: Floats
    lines: Floats
    covariances: Floats
    misfits: Floats
    """Squared standardised scatter of each budget, shape (n_floors, n_pairs, n_budgets)."""


def _fit_lines(
    t: Floats, log_value: Floats, variance: Floats, options: _Options, prior: _SlopePrior
) -> _Lines:
    """Fit every line in closed form: generalised least squares on ln y with Gaussian expectations."""
    shown = linearise(t, log_value, options.floors)
    target, design = shown.target[:, None, :, None], shown.design[:, None]
    noise = noise_covariance(t, variance, options.scatters, options.drifts)
    precision = np.linalg.inv(noise)

    rows, means, sds = _expectations(shown, prior)
    scaled = (rows / sds[..., None]).swapaxes(-1, -2)
    weighted = design.swapaxes(-1, -2) @ precision
    hessian = weighted @ design + (scaled @ scaled.swapaxes(-1, -2))[:, None]
    pull = weighted @ target + (scaled @ (means / sds)[..., None])[:, None]
    line = np.linalg.solve(hessian, pull)

    residual = target - design @ line
    surprise = (rows[:, None] @ line)[..., 0] - means[:, None]
    squares = (residual.swapaxes(-1, -2) @ precision @ residual)[..., 0, 0]
    squares = squares + np.sum((surprise / sds[:, None]) ** 2, axis=-1)
    log_evidence = -0.5 * (squares + np.linalg.slogdet(noise)[1] + np.linalg.slogdet(hessian)[1])
    white = variance + options.scatters[:, None] ** 2
    scatter = (precision @ residual)[..., 0] * white
    covariances = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    return _Lines(log_evidence, np.asarray(line[..., 0]), covariances, scatter**2 / white)


def _expectations(shown: Linearised, prior: _SlopePrior) -> tuple[Floats, Floats, Floats]:
    """Return what is expected of (level, slope): rows, means and sds, the first row a vague level."""
    stretch, level = shown.stretch[:, -1], shown.target[:, -1] * shown.stretch[:, -1]
    n_floors, n_slopes = prior.factors.shape
    rows = np.zeros((n_floors, 1 + n_slopes, 2))
    rows[:, 0, 0], rows[:, 1:, 1] = 1.0, prior.factors
    means = np.column_stack([level, np.tile(prior.means, (n_floors, 1))])
    sds = np.column_stack([_LEVEL_PRIOR_SD * stretch, np.tile(prior.sds, (n_floors, 1))])
    return rows, means, sds
