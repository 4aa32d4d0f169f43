import numpy as np
import pytest

from flops_fit.fit.counting import read_flops_per_unit, robust_quadratic

SIZES = np.geomspace(1e5, 1e8, 8)


def test_6nd_runs_give_exactly_six_flops_per_parameter():
    phi = read_flops_per_unit(SIZES, np.full(8, 1e9), 6 * SIZES * 1e9)
    assert phi(3e6) == pytest.approx(1.8e7, rel=1e-12)
    assert phi(1e12) == pytest.approx(6e12, rel=1e-12)


def test_the_curve_follows_counted_flops_within_the_sizes_and_grows_as_n_beyond():
    counted = 6 * SIZES * (1 + 0.5 * (SIZES / 1e5) ** -0.3)  # attention and a head that matter when small
    phi = read_flops_per_unit(SIZES, np.full(8, 1e9), counted * 1e9)
    assert phi.at(SIZES) == pytest.approx(counted, rel=0.01)
    assert phi(1e10) / phi(1e9) == pytest.approx(10, rel=1e-12)


def test_one_miscounted_size_does_not_bend_the_curve():
    flops = 6 * SIZES * 1e9
    flops[3] *= 2
    assert read_flops_per_unit(SIZES, np.full(8, 1e9), flops)(SIZES[3]) == pytest.approx(
        6 * SIZES[3], rel=1e-6
    )


@pytest.mark.parametrize("n_sizes", [1, 2, 3])
def test_few_sizes_give_a_curve_of_lower_degree(n_sizes):
    coefficients, residuals = robust_quadratic(np.log(SIZES[:n_sizes]), np.full(n_sizes, 0.7))
    assert coefficients == pytest.approx([0.7, 0, 0], abs=1e-9)
    assert residuals == pytest.approx(np.zeros(n_sizes), abs=1e-9)
