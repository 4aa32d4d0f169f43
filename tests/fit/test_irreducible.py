"""The irreducible loss is that of the runs, and its interval holds it."""

import pytest

from flops_fit.fit import irreducible_loss
from flops_fit.fit.points import points_of


@pytest.mark.parametrize(("noise", "within", "narrowest"), [(1e-5, 0.002, 0.0), (0.005, 0.1, 0.03)])
def test_runs_on_a_power_law_give_back_its_offset_in_an_interval_as_wide_as_their_noise(
    chinchilla_runs, noise, within, narrowest
):
    found = irreducible_loss(points_of(chinchilla_runs(noise=noise, n_sizes=6)))
    assert found.value == pytest.approx(1.8172, abs=within)
    assert 1.8172 in found.interval
    assert found.interval.high - found.interval.low > narrowest
