from typing import ClassVar, Literal

import numpy as np
import pytest

from flops_fit.components import SurfaceForm
from flops_fit.fit import Chinchilla
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface
from flops_fit.quantities import Allocation


class Tied(SurfaceForm):
    """A plugin's surface: one exponent for N and D, slopes left to the core."""

    kind: Literal["tied"] = "tied"
    param_names: ClassVar[tuple[str, ...]] = ("E", "A", "B", "gamma")
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0, 10), (1e-2, 1e6), (1e-2, 1e6), (0.05, 1))

    def predict(self, theta, n_params, n_units):
        E, A, B, gamma = theta
        return E + A * n_params**-gamma + B * n_units**-gamma

    def optimum(self, theta, flops, flops_per_unit):
        _, A, B, gamma = theta
        n_params = (A / B) ** (0.5 / gamma) * np.sqrt(flops / 6)
        return Allocation(n_params=n_params, n_units=flops / flops_per_unit(n_params))


def test_a_surface_of_a_plugin_needs_nothing_but_the_contract(chinchilla_runs):
    points = points_of(chinchilla_runs(theta=(1.9, 400.0, 900.0, 0.35, 0.35), noise=0.001))
    law, ours = fit_surface(points, Tied()), fit_surface(points, Chinchilla())
    assert law.theta == pytest.approx([1.9, 400, 900, 0.35], rel=0.05)
    assert law.optimum(1e20).n_params.value == pytest.approx(ours.optimum(1e20).n_params.value, rel=0.1)
    assert law.name == "tied"
