"""The irreducible loss is that of the runs, and its interval holds it."""

from dataclasses import replace

import pytest

from flops_fit.fit import Chinchilla, irreducible_loss
from flops_fit.fit.forms import Ces
from flops_fit.fit.irreducible import _value
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface


@pytest.mark.parametrize(("noise", "within", "narrowest"), [(1e-5, 0.002, 0.0), (0.005, 0.1, 0.03)])
def test_runs_on_a_power_law_give_back_its_offset_in_an_interval_as_wide_as_their_noise(
    chinchilla_runs, noise, within, narrowest
):
    found = irreducible_loss(points_of(chinchilla_runs(noise=noise, n_sizes=6)))
    assert found.value == pytest.approx(1.8172, abs=within)
    assert found.value in found.interval
    assert 1.8172 in found.interval
    assert found.interval.high - found.interval.low > narrowest


def test_the_plainest_surface_has_the_value_until_its_residuals_refute_it(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.01, n_sizes=5))
    plain, other = (fit_surface(points, form, n_draws=20) for form in (Chinchilla(), Ces()))
    refuted = replace(plain, structure_p_value=1e-9)
    assert _value((other, replace(plain, structure_p_value=0.5))) == plain.theta[0]
    assert _value((other, refuted)) == pytest.approx((plain.theta[0] + other.theta[0]) / 2)
    assert _value((other,)) == other.theta[0]
