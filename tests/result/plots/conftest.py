"""One law of every kind."""

from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.curves import M2
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface


@pytest.fixture(scope="session")
def laws(fitted, sweep, known_law):
    loose = [replace(r, budget=None, flops=r.flops * (1 + i % 9)) for i, r in enumerate(sweep())]
    points = points_of(loose)
    # Without the contest of all methods, which takes seconds.
    surface = replace(
        known_law, points=points, headline=fit_surface(points, Chinchilla(), n_draws=250), second=None
    )
    one_size = [replace(r, n_params=1e6, budget=None) for r in sweep()]
    average = MixtureLaw(members=(surface.headline, surface.headline), weights=np.array([0.6, 0.4]))
    return {
        "valley": fitted,
        "surface": surface,
        "average": replace(surface, headline=average),
        "of a plugin": known_law,
        "curve over data": fit_law(one_size, M2(), unit="image"),
        "curve over compute": fit_law(sweep(), M2(over="compute"), unit="image"),
    }
