"""Pairs bootstrap of a surface: what other runs of the same kind would have given.

Source: statistics of simulated sweeps, reproduced by `tests/benchmarks/coverage.py`; resampling of (x, y)
pairs after Freedman 1981, doi:10.1214/aos/1176345638.
"""

import numpy as np
from numpy.typing import NDArray

from flops_fit.fit.arrays import Floats, Rows
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.points import Points
from flops_fit.fit.projection import Runs, project
from flops_fit.fit.robust import Refined, RobustFit, refine

N_DRAWS = 1000
LEVEL = 0.95
"""Nominal probability of every interval."""
_WARM_STEPS = 25
_AUDITED = 50
"""Draws that are fitted a second time, from the grid instead of from the fit to all runs."""
_LOWER = 1e-4
"""Share by which the objective must be lower for a minimum to be another one."""


def bootstrap(surface: FormSurface, points: Points, fit: RobustFit, n_draws: int = N_DRAWS) -> Floats:
    """Fit resampled runs, starting from the fit to all of them; return work, shape (n_draws, n_work).

    The first draws are fitted from the form's grid as well. Should one in fifty of them end lower that way,
    all draws are fitted both ways and the better kept.
    """
    counts = resampled_counts(points, n_draws)
    warm = _refined(surface, points, fit, counts, np.repeat(fit.work[None], n_draws, axis=0))
    audited = _from_grid(surface, points, fit, counts[:_AUDITED])
    if audited is None or not _lower(audited, warm).any():
        return warm.work
    cold = _from_grid(surface, points, fit, counts)
    return warm.work if cold is None else np.where(_lower(cold, warm)[:, None], cold.work, warm.work)


def resampled_counts(points: Points, n_draws: int = N_DRAWS) -> Floats:
    """Draw `clusters` of runs with replacement; shape (n_draws, n_runs)."""
    cluster = clusters(points)
    n = int(cluster.max()) + 1
    generator = np.random.Generator(np.random.Philox(0))
    return generator.multinomial(n, np.full(n, 1 / n), n_draws)[:, cluster].astype(np.float64)


def central(draws: Floats) -> tuple[float, float]:
    """Return the ends between which one more draw falls with probability `LEVEL`, however few are given.

    Quantiles that interpolate between the extremes hold less: .944 instead of .95 for 300 draws.

    Source: Hyndman and Fan 1996, doi:10.2307/2684934, definition 6.
    """
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="weibull")
    return float(low), float(high)


def clusters(points: Points) -> Rows:
    """Number what runs are drawn by, shape (n_runs,): runs that go together are not independent.

    Those of one trunk, where trunks are known; all seeds of an (N, D) cell among the others.
    """
    runs_of_trunk = np.bincount(points.trunk)[points.trunk]
    keys = np.where(runs_of_trunk > 1, points.trunk, len(points) + cells(points))
    return np.unique(keys, return_inverse=True)[1].ravel()


def cells(points: Points) -> Rows:
    """Number the (N, D) cells that runs belong to, shape (n_runs,)."""
    _, cell = np.unique(np.stack([points.n_params, points.n_units]), axis=1, return_inverse=True)
    return cell.ravel()  # numpy 2.0 alone gives it a second axis


def _refined(surface: FormSurface, points: Points, fit: RobustFit, counts: Floats, starts: Floats) -> Refined:
    response = surface.response(points.loss)
    return refine(surface, response, starts, counts=counts, loss=fit.loss, steps=_WARM_STEPS, tolerance=1e-6)


def _from_grid(surface: FormSurface, points: Points, fit: RobustFit, counts: Floats) -> Refined | None:
    """Fit draws from the form's grid; None where the form has none."""
    weights = counts * surface.root_weights**2
    projected = project(surface.form, Runs(points.n_params, points.n_units, points.loss), weights)
    return None if projected is None else _refined(surface, points, fit, counts, surface.inside(projected))


def _lower(cold: Refined, warm: Refined) -> NDArray[np.bool_]:
    return cold.cost < warm.cost[: len(cold.cost)] * (1 - _LOWER)
