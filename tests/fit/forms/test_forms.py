"""What every surface of the core must be able to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.fit.forms import Bounded, Ces, Chinchilla, DataConstrained, Gadre, Kappa
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface

exponents = st.floats(0.2, 0.9)
amplitudes = st.floats(1e2, 1e4)
floors = st.floats(0, 5)
FIVE = (floors, amplitudes, amplitudes, exponents, exponents)
FORMS = {
    "bounded": (Bounded(chance=0.9), (st.floats(0, 0.9), *FIVE[1:])),
    "ces": (Ces(), (*FIVE, st.floats(0.5, 3))),
    "chinchilla": (Chinchilla(), FIVE),
    "data_constrained": (
        DataConstrained(unique_units=3e8),
        (*FIVE, st.floats(0.5, 50), st.floats(0.5, 50)),
    ),
    "gadre": (Gadre(), FIVE[:4]),
    "kappa": (Kappa(), (*FIVE, st.floats(-0.005, 0.02))),
}
every_form = pytest.mark.parametrize("name", FORMS)
N, D = np.array([1e6, 1e7, 1e9]), np.array([1e8, 1e9, 1e11])


def theta_of(data, name):
    return np.array(data.draw(st.tuples(*FORMS[name][1])))


def with_head(n_params):
    """FLOPs per unit of a model whose vocabulary matters while it is small."""
    return 6.0 * n_params * (1 + (n_params / 1e7) ** -0.3)


@every_form
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_jacobian_is_the_slope_of_the_prediction(name, data):
    form, theta = FORMS[name][0], theta_of(data, name)
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-6 * max(abs(theta[i]), 1)  # smaller ones drown in rounding
        slope = (form.predict(theta + step, N, D) - form.predict(theta - step, N, D)) / (2 * step[i])
        assert form.jacobian(theta, N, D)[:, i] == pytest.approx(slope, rel=1e-3, abs=1e-6)


@every_form
@settings(max_examples=25, deadline=None)
@given(data=st.data(), log_flops=st.floats(16, 23), step=st.floats(1.01, 10))
def test_no_other_split_of_the_budget_is_better_for_any_counter(name, data, log_flops, step):
    form, theta = FORMS[name][0], theta_of(data, name)
    best = form.optimum(theta, 10**log_flops, with_head)
    assert with_head(best.n_params) * best.n_units == pytest.approx(10**log_flops)
    sizes = np.array([best.n_params, best.n_params / step, best.n_params * step])
    here, smaller, larger = form.predict(theta, sizes, 10**log_flops / with_head(sizes))
    assert here <= min(smaller, larger) * (1 + 1e-9)


@every_form
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_batch_is_its_members(name, data):
    form, thetas = FORMS[name][0], np.array([theta_of(data, name) for _ in range(3)])
    losses, slopes = (f(thetas.T[..., None], N, D) for f in (form.predict, form.jacobian))
    assert losses == pytest.approx(np.array([form.predict(theta, N, D) for theta in thetas]))
    assert slopes == pytest.approx(np.array([form.jacobian(theta, N, D) for theta in thetas]))


@every_form
def test_every_parameter_has_its_bounds(name):
    form = FORMS[name][0]
    assert len(form.param_names) == len(form.bounds)
    assert all(low < high for low, high in form.bounds)
    assert form.kind == name


TRUTHS = {
    "bounded": (0.05, 60.0, 900.0, 0.3, 0.4),
    "ces": (1.8, 480.0, 2000.0, 0.35, 0.37, 1.4),
    "chinchilla": (1.8, 480.0, 2000.0, 0.35, 0.37),
    "data_constrained": (1.8, 480.0, 2000.0, 0.35, 0.37, 6.0, 4.0),
    "gadre": (1.8, 480.0, 900.0, 0.36),
    "kappa": (1.8, 480.0, 2000.0, 0.35, 0.15, 0.012),
}


@every_form
def test_noise_free_runs_give_back_the_surface(name, runs_on):
    form, theta = FORMS[name][0], np.array(TRUTHS[name])
    law = fit_surface(points_of(runs_on(form, theta)), form)
    assert law.theta == pytest.approx(theta, rel=1e-4)
    assert law.gain_left < 1e-6


@every_form
def test_noisy_runs_give_an_optimum_within_its_interval(name, runs_on):
    form, theta = FORMS[name][0], np.array(TRUTHS[name])
    law = fit_surface(points_of(runs_on(form, theta, noise=0.003)), form)
    estimate = law.optimum(1e20).n_params
    truth = form.optimum(theta, 1e20, lambda n: 6.0 * n).n_params
    sd = np.log(estimate.interval.high / estimate.interval.low) / 4
    assert abs(np.log(estimate.value / truth)) < 3 * sd


@given(theta=st.tuples(*FORMS["bounded"][1]).map(np.array), n=st.floats(1, 1e14), d=st.floats(1, 1e16))
def test_an_error_rate_stays_between_its_floor_and_chance(theta, n, d):
    (loss,) = Bounded(chance=0.9).predict(theta, np.array([n]), np.array([d]))
    assert 0.9 * theta[0] <= loss <= 0.9


def test_ces_with_q_one_and_kappa_zero_are_chinchilla():
    theta = np.array([1.8, 480.0, 2000.0, 0.35, 0.37])
    plain = Chinchilla().predict(theta, N, D)
    assert Ces().predict(np.append(theta, 1.0), N, D) == pytest.approx(plain)
    assert Kappa().predict(np.append(theta, 0.0), N, D) == pytest.approx(plain)
    assert DataConstrained(unique_units=1e15).predict(np.append(theta, (9, 9)), N, D) == pytest.approx(plain)


@pytest.mark.parametrize("name", [name for name in TRUTHS if name != "bounded"])
def test_the_exponent_of_the_loss_is_how_it_falls_along_the_best_splits(name):
    form, theta = FORMS[name][0], np.array(TRUTHS[name])
    form = DataConstrained(unique_units=1e15) if name == "data_constrained" else form

    def excess(flops):
        best = form.optimum(theta, flops, lambda n: 6.0 * n)
        loss = form.predict(theta, np.array([best.n_params]), np.array([best.n_units]))
        return best, float(np.log(loss[0] - theta[0]))

    best, _ = excess(1e20)
    falls = (excess(1e20 / 1.01)[1] - excess(1e20 * 1.01)[1]) / (2 * np.log(1.01))
    assert form.loss_exponent(theta, best.n_params, best.n_units) == pytest.approx(falls, rel=1e-3)


def test_an_error_rate_has_no_such_exponent():
    assert Bounded().loss_exponent(np.array(TRUTHS["bounded"]), 1e8, 1e9) is None


def test_gadres_own_way_of_writing_it_is_the_same():
    """L = E + (a·M^eta + b·M^-eta)·C^-eta with M = D/N (arXiv:2403.08540), here with C = N·D."""
    E, a, b, eta = 1.8, 300.0, 500.0, 0.15
    M, C = D / N, N * D
    theirs = E + (a * M**eta + b * M**-eta) * C**-eta
    assert Gadre().predict(np.array([E, a, b, 2 * eta]), N, D) == pytest.approx(theirs)
