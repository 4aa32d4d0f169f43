"""Where a fit starts: nobody is asked for starting values."""

import numpy as np

from flops_fit.fit.arrays import Floats
from flops_fit.fit.form_surface import FormSurface
from flops_fit.fit.forms import Chinchilla
from flops_fit.fit.projection import Runs, project
from flops_fit.fit.robust import huber, refine

_SCANNED = 12
"""Binary logarithm of how many parameter vectors are tried where a form offers neither grid nor starts."""
_REFINED = 16
"""How many of them are improved before the best is taken."""
_ROUGH = 0.01
"""Residual of ln loss from which on a run counts less while the best start is sought."""

_CLOSE = 1e-4
"""How closely a start approaches the minimum that the fit itself will reach."""


def start(surface: FormSurface, loss: Floats) -> Floats:
    """Return working parameters near the global optimum, shape (n_work,).

    The form's grid where it has one, else the starts that it derives from the fit of
    E + A/N^alpha + B/D^beta, else a scan of its bounds.
    """
    once, form = np.broadcast_to(surface.root_weights**2, (1, len(loss))), surface.form
    projected = project(form, Runs(surface.n_params, surface.n_units, loss), once)
    if projected is not None:
        return surface.inside(projected[0])
    derived = form.starts(_plain(surface, loss), surface.n_params, surface.n_units)
    work = _promising(surface, loss) if derived is None else surface.inside(derived)
    counts = np.ones((len(work), len(loss)))
    refined = refine(
        surface, surface.response(loss), work, counts=counts, loss=huber(_ROUGH), steps=100, tolerance=_CLOSE
    )
    return np.array(refined.work[refined.cost.argmin()])


def _plain(surface: FormSurface, loss: Floats) -> Floats:
    """Fit E + A/N^alpha + B/D^beta and return its parameters."""
    plain = FormSurface(
        form=Chinchilla(), n_params=surface.n_params, n_units=surface.n_units, typical=surface.typical
    )
    work = start(plain, loss)[None]
    once = np.ones((1, len(loss)))
    refined = refine(
        plain, plain.response(loss), work, counts=once, loss=huber(_ROUGH), steps=50, tolerance=_CLOSE
    )
    return np.array(plain.theta(refined.work)[0])


def _promising(surface: FormSurface, loss: Floats) -> Floats:
    """Scan the bounds and return the best few working parameters."""
    from scipy.stats import qmc  # costs a second to import, and only plugins' forms need it

    unit = qmc.Sobol(d=len(surface.form.bounds), scramble=False).random_base2(_SCANNED)
    work = np.clip(surface.spread(unit), surface.lower(), surface.upper())
    misses = np.abs(np.log(surface.losses(surface.theta(work))) - np.log(loss)).sum(axis=1)
    return np.array(work[np.argsort(misses, kind="stable")[:_REFINED]])
