import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.fit import Chinchilla
from flops_fit.fit.counting import read_flops_per_unit

FORM = Chinchilla()
EPOCH = np.array([1.8172, 482.01, 2085.43, 0.3478, 0.3658])
exponents = st.floats(0.2, 1)
laws = st.tuples(st.floats(0, 5), st.floats(1e2, 1e4), st.floats(1e2, 1e4), exponents, exponents).map(
    np.array
)


def six(n_params):
    return 6.0 * n_params


def with_head(n_params):
    """FLOPs per unit of a model whose vocabulary matters while it is small."""
    return 6.0 * n_params * (1 + (n_params / 1e7) ** -0.3)


@given(
    theta=laws,
    log_flops=st.floats(15, 25),
    step=st.floats(1.01, 10),
    counter=st.sampled_from([six, with_head]),
)
def test_no_other_split_of_the_budget_is_better(theta, log_flops, step, counter):
    best = FORM.optimum(theta, 10**log_flops, counter)
    sizes = np.array([best.n_params, best.n_params / step, best.n_params * step])
    here, smaller, larger = FORM.predict(theta, sizes, 10**log_flops / counter(sizes))
    assert here <= min(smaller, larger) * (1 + 1e-9)


@given(theta=laws, log_flops=st.floats(15, 25))
def test_the_optimum_spends_the_budget(theta, log_flops):
    best = FORM.optimum(theta, 10**log_flops, with_head)
    assert with_head(best.n_params) * best.n_units == pytest.approx(10**log_flops)


@given(theta=laws)
def test_the_jacobian_is_the_slope_of_the_prediction(theta):
    n, d = np.array([1e6, 1e9]), np.array([1e8, 1e11])
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6 * max(theta[i], 1e-3)
        slope = (FORM.predict(theta + step, n, d) - FORM.predict(theta - step, n, d)) / (2 * step[i])
        assert FORM.jacobian(theta, n, d)[:, i] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_published_fit_gives_its_published_optimum():
    """Besiroglu et al. 2024, arXiv:2404.10102: about 70 billion parameters at the compute of Chinchilla."""
    best = FORM.optimum(EPOCH, 5.76e23, six)
    assert best.n_params == pytest.approx(7.22e10, rel=1e-3)
    assert best.n_units == pytest.approx(1.33e12, rel=1e-3)


def test_a_counter_read_from_6nd_runs_changes_nothing():
    sizes = np.geomspace(1e6, 1e9, 8)
    counted = read_flops_per_unit(sizes, np.full(8, 1e9), 6e9 * sizes)
    assert FORM.optimum(EPOCH, 1e21, counted).n_params == pytest.approx(
        FORM.optimum(EPOCH, 1e21, six).n_params
    )
