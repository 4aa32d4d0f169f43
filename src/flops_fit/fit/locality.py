"""Which runs a surface learns from: those too far from the optimum mislead it, unless a backtest says else.

No global form follows under-trained giants and saturated dwarfs alike. How far is too far is decided by
forecasts on the user's own runs: the surface is fitted to those below several computes, with every window,
and judged by all runs above.
"""

from dataclasses import dataclass

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.folds import Folds, fit_folds, rolling_origins
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.points import Points
from flops_fit.fit.robust import RobustFit
from flops_fit.fit.surface_minima import offsets_of

WINDOWS = (3.0, 2.0, 1.4)
"""e-folds of N around the optimum, tried from the widest to the narrowest."""
_BETTER = 0.75
"""Errors of forecasts must fall to this share of those from all runs before any run is left out."""
_FEWEST_AHEAD = 22
"""Runs that forecasts are judged by at least. The median size of n normal misses has a relative standard
error of 1.17 / sqrt(n): of fewer, some window falls to `_BETTER` by chance."""
_ROUNDING = 1e-6
_LARGEST_SHARE_LEFT_OUT = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The runs that count."""

    width: float | None
    """e-folds of N around the optimum; None where all runs count."""
    error: float
    """Median error of forecasts of ln loss with it, averaged over the origins."""
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
    if len(seen) < 2 or (~seen).any(axis=0).sum() < _FEWEST_AHEAD:
        return None
    folds = fit_folds(surface, points.loss, fit, seen)
    of_all = _errors(folds)
    windows: list[tuple[float | None, Floats]] = [(None, of_all)]
    for width in WINDOWS:
        kept = np.abs(offsets_of(surface.form, surface.theta(folds.work), points)) <= width
        n_kept = (kept & seen).sum(axis=1)
        if (n_kept < np.maximum(fewest, (1 - _LARGEST_SHARE_LEFT_OUT) * seen.sum(axis=1))).any():
            break
        if not kept[seen].all():
            folds = fit_folds(surface, points.loss, fit, seen, kept)
            windows.append((width, _errors(folds)))
    clear = [window for window in windows[1:] if _clearly_better(window[1], of_all)]
    chosen, errors = min(clear or windows[:1], key=lambda window: float(window[1].mean()))
    return Window(width=chosen, error=float(errors.mean()), error_of_all=float(of_all.mean()))


def _errors(folds: Folds) -> Floats:
    """Return the median miss of the runs above each origin: far runs among them must not decide."""
    rows = zip(folds.residuals, folds.ahead, strict=True)
    return np.array([np.median(np.abs(row[ahead])) for row, ahead in rows])


def _clearly_better(errors: Floats, of_all: Floats) -> bool:
    """Whether forecasts improve by far on average, and from all origins but one at most."""
    return bool(errors.mean() < _BETTER * of_all.mean() - _ROUNDING and np.sum(errors >= of_all) <= 1)
