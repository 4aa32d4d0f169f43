"""A fitted surface once more, on other weightings of the same runs, all at once."""

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.points import Points
from flops_fit.fit.robust import Refined, RobustLoss, judged_by, refine
from flops_fit.fit.surface import SurfaceLaw, laid_over

_STEPS, _TOLERANCE = 30, 1e-6


def surface_of(points: Points, law: SurfaceLaw) -> FormSurface:
    """Lay the fitted form over the runs that count for it, weighed as they were."""
    return laid_over(points, law.form, law.run_noise)


def loss_of(points: Points, law: SurfaceLaw) -> RobustLoss:
    """Return how the surface judged residuals."""
    return judged_by(law.residual_scale, len(points))


def residuals_of(points: Points, law: SurfaceLaw) -> Floats:
    """Return what the surface leaves of each run's response, shape (n_runs,)."""
    surface = surface_of(points, law)
    residuals: Floats = surface.response(points.loss) - surface.fitted(surface.work(law.theta)[None])[0][0]
    return residuals


def refitted(points: Points, law: SurfaceLaw, counts: Floats, loss: RobustLoss | None = None) -> Refined:
    """Fit the surface again from where it is, runs counting as `counts` say, shape (batch, n_runs)."""
    surface = surface_of(points, law)
    start = np.repeat(surface.work(law.theta)[None], len(counts), axis=0)
    response = surface.response(points.loss)
    loss = loss or loss_of(points, law)
    return refine(surface, response, start, counts=counts, loss=loss, steps=_STEPS, tolerance=_TOLERANCE)


def log_n_at(points: Points, law: SurfaceLaw, work: Floats, flops: float) -> Floats:
    """Return ln N* of each of a batch of working parameters."""
    thetas = surface_of(points, law).theta(work)
    best = [law.form.optimum(theta, flops, law.flops_per_unit).n_params for theta in thetas]
    return np.log(best)
