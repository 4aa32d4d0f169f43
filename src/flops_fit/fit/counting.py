"""phi(N): the training FLOPs that one data unit costs a model of N parameters, as a smooth curve."""

from dataclasses import dataclass

import numpy as np

from flops_fit.fit.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlopsPerUnit:
    """phi(N) = N · exp(quadratic in ln N), held at its end values beyond the sizes it was read from.

    For C = 6·N·D the quadratic is the constant ln 6. Beyond the trained sizes phi grows as N does, because
    the share of embeddings and attention is not known there.
    """

    coefficients: Floats
    """Of 1, z and z², with z = ln N - centre; shape (3,)."""
    centre: float
    log_n_range: tuple[float, float]
    scatter: float
    """Robust standard deviation of ln(FLOPs per unit) around the curve."""

    def __call__(self, n_params: float) -> float:
        """Return FLOPs per data unit at one size."""
        return float(self.at(np.array([n_params]))[0])

    def at(self, n_params: Floats) -> Floats:
        """Return FLOPs per data unit, shape of `n_params`."""
        z = np.clip(np.log(n_params), *self.log_n_range) - self.centre
        per_param: Floats = np.exp(np.polynomial.polynomial.polyval(z, self.coefficients))
        return n_params * per_param


def read_flops_per_unit(n_params: Floats, n_units: Floats, flops: Floats) -> FlopsPerUnit:
    """Read phi(N) off the runs' own flops / n_units, arrays of shape (n_runs,)."""
    log_n = np.log(n_params)
    coefficients, residuals = robust_quadratic(log_n, np.log(flops) - np.log(n_units) - log_n)
    return FlopsPerUnit(
        coefficients=coefficients,
        centre=float(log_n.mean()),
        log_n_range=(float(log_n.min()), float(log_n.max())),
        scatter=robust_scale(residuals),
    )


def robust_quadratic(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Fit y by a quadratic in x - mean(x) that ignores outliers.

    Returns:
        Coefficients of 1, z and z², shape (3,), and residuals, shape (n,). The degree drops with the number
        of distinct x, so that two sizes give a line and one gives a constant.
    """
    powers = np.vander(x - x.mean(), min(3, len(np.unique(np.round(x, 6)))), increasing=True)
    weights, coefficients, residuals = np.ones_like(y), np.zeros(powers.shape[1]), y
    for _ in range(10):
        root = np.sqrt(weights)
        coefficients = np.linalg.lstsq(powers * root[:, None], y * root, rcond=None)[0]
        residuals = y - powers @ coefficients
        weights = bisquare(residuals, 4.685 * max(1e-6, robust_scale(residuals)))
    return np.pad(coefficients, (0, 3 - len(coefficients))), residuals


def robust_scale(residuals: Floats) -> float:
    """Return 1.4826 times the median absolute residual, the standard deviation if they are normal."""
    return 1.4826 * float(np.median(np.abs(residuals)))


def bisquare(residuals: Floats, cutoff: float) -> Floats:
    """Return Tukey's bisquare weights: 1 at zero, 0 from `cutoff` on."""
    weights: Floats = np.clip(1 - (residuals / cutoff) ** 2, 0, 1) ** 2
    return weights
