"""Which runs a surface learns from: those too far from the optimum mislead it, unless a backtest says else.

No global form follows under-trained giants and saturated dwarfs alike. How far is too far is decided by
forecasts on the user's own runs: the surface is fitted to those below several computes, with every window,
and judged by all runs above.
"""

from dataclasses import dataclass

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.folds import Folds, fit_folds, rolling_origins
from flops_fit.fit.form_surface import FormSurface, predict_each
from flops_fit.fit.points import Points
from flops_fit.fit.robust import RobustFit

WINDOWS = (3.0, 2.0, 1.4)
"""e-folds of N around the optimum, tried from the widest to the narrowest."""
_BETTER = 0.75
"""Errors of forecasts must fall to this share of those from all runs before any run is left out."""
_ROUNDING = 1e-6
_LARGEST_SHARE_LEFT_OUT = 0.7
_COMPUTES, _SIZES, _BEYOND = 9, 161, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The runs that count."""

    width: float | None
    """e-folds of N around the optimum; None where all runs count."""
    error: float
    """Mean absolute error of forecasts of ln loss with it."""
    error_of_all: float
    """That with all runs."""


def choose_window(surface: FormSurface, points: Points, fit: RobustFit) -> Window | None:
    """Return the window whose forecasts are best; None where there are too few runs to tell.

    Args:
        surface: What is fitted.
        points: The runs.
        fit: The fit to all of them.
    """
    fewest = 3 * len(fit.work)
    seen = rolling_origins(points.flops, fewest)
    if len(seen) < 2:
        return None
    folds = fit_folds(surface, points.loss, fit, seen)
    of_all = _errors(folds)
    best, best_errors = (
        Window(width=None, error=float(of_all.mean()), error_of_all=float(of_all.mean())),
        of_all,
    )
    for width in WINDOWS:
        kept = distances(surface, points, folds.work) <= width
        n_kept = (kept & seen).sum(axis=1)
        if (n_kept < np.maximum(fewest, (1 - _LARGEST_SHARE_LEFT_OUT) * seen.sum(axis=1))).any():
            break
        folds = fit_folds(surface, points.loss, fit, seen, kept)
        errors = _errors(folds)
        if errors.mean() < best_errors.mean() and _clearly_better(errors, of_all):
            best = Window(width=width, error=float(errors.mean()), error_of_all=float(of_all.mean()))
            best_errors = errors
    return best


def distances(surface: FormSurface, points: Points, work: Floats) -> Floats:
    """Return |ln N - ln N*(C)| of each run by each of a batch of fits, shape (batch, n_runs)."""
    log_n, log_flops = np.log(points.n_params), np.log(points.flops)
    computes = np.linspace(log_flops.min(), log_flops.max(), _COMPUTES)
    sizes = np.linspace(log_n.min() - _BEYOND, log_n.max() + _BEYOND, _SIZES)
    n_params = np.tile(np.exp(sizes), _COMPUTES)
    n_units = np.exp(np.repeat(computes, _SIZES)) / points.flops_per_unit.at(n_params)
    with np.errstate(all="ignore"):
        curves = predict_each(surface.form, surface.theta(work), n_params, n_units)
    curves = np.nan_to_num(curves, nan=np.inf).reshape(len(work), _COMPUTES, _SIZES)
    optima = sizes[curves.argmin(axis=2)]
    return np.array([np.abs(log_n - np.interp(log_flops, computes, row)) for row in optima])


def _errors(folds: Folds) -> Floats:
    return np.array(
        [np.abs(row[ahead]).mean() for row, ahead in zip(folds.residuals, folds.ahead, strict=True)]
    )


def _clearly_better(errors: Floats, of_all: Floats) -> bool:
    """Whether forecasts improve by far on average, and from all origins but one at most."""
    return bool(errors.mean() < _BETTER * of_all.mean() - _ROUNDING and np.sum(errors >= of_all) <= 1)
