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
    """Draw (N, D) cells with replacement, every seed of a cell with it; shape (n_draws, n_runs)."""
    cell = cells(points)
    n_cells = int(cell.max()) + 1
    generator = np.random.Generator(np.random.Philox(0))
    draws = generator.multinomial(n_cells, np.full(n_cells, 1 / n_cells), n_draws)
    return draws[:, cell].astype(np.float64)


def cells(points: Points) -> Rows:
    """Number the (N, D) cells that runs belong to, shape (n_runs,)."""
    _, cell = np.unique(np.stack([points.n_params, points.n_units]), axis=1, return_inverse=True)
    return cell.ravel()  # numpy 2.0 alone gives it a second axis


def _refined(surface: FormSurface, points: Points, fit: RobustFit, counts: Floats, starts: Floats) -> Refined:
    response = surface.response(points.loss)
    return refine(surface, response, starts, counts=counts, loss=fit.loss, steps=_WARM_STEPS, tolerance=1e-6)


def _from_grid(surface: FormSurface, points: Points, fit: RobustFit, counts: Floats) -> Refined | None:
    """Fit draws from the form's grid; None where the form has none."""
    projected = project(surface.form, Runs(points.n_params, points.n_units, points.loss), counts)
    return None if projected is None else _refined(surface, points, fit, counts, surface.inside(projected))


def _lower(cold: Refined, warm: Refined) -> NDArray[np.bool_]:
    return cold.cost < warm.cost[: len(cold.cost)] * (1 - _LOWER)
