"""What every one-dimensional form must be able to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import FitError
from flops_fit.fit.curve_law import fit_curve
from flops_fit.fit.curves import M1, M2, M3, M4, Bnsl
from flops_fit.fit.points import points_of
from flops_fit.runs import RunRecord

floors = st.one_of(st.just(0.0), st.floats(0.05, 3))
scales = st.floats(10, 1e3)
exponents = st.floats(0.1, 1.0)
FORMS = {
    "m1": (M1(), (scales, exponents), (40.0, 0.3)),
    "m2": (M2(), (floors, scales, exponents), (1.2, 40.0, 0.3)),
    "m3": (M3(), (scales, exponents, st.floats(1e-12, 1e-7)), (40.0, 0.3, 2e-10)),
    "m4": (
        M4(),
        (floors, st.floats(0.5, 5), st.floats(1e6, 1e9), exponents, st.floats(0.1, 5)),
        (1.2, 4.0, 3e7, 0.5, 0.7),
    ),
    "bnsl": (
        Bnsl(),
        (
            floors,
            scales,
            exponents,
            st.floats(0.05, 0.5) | st.floats(-0.3, -0.05),
            st.floats(1e7, 1e10),
            st.floats(0.1, 2),
        ),
        (1.2, 40.0, 0.1, 0.3, 3e8, 0.4),
    ),
}
every_curve = pytest.mark.parametrize("name", FORMS)
X = np.geomspace(1e6, 1e11, 12)


def theta_of(data, name):
    return np.array(data.draw(st.tuples(*FORMS[name][1])))


@every_curve
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_jacobian_is_the_slope_of_the_prediction(name, data):
    form, theta = FORMS[name][0], theta_of(data, name)
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-5 * theta[i] if theta[i] else 1e-5
        slope = (form.predict(theta + step, X, X) - form.predict(theta - step, X, X)) / (2 * step[i])
        stated = form.jacobian(theta, X, X)[:, i]
        assert stated == pytest.approx(slope, rel=1e-3, abs=1e-6 * (1 + np.abs(stated).max()))


@every_curve
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_batch_is_its_members(name, data):
    form, thetas = FORMS[name][0], np.array([theta_of(data, name) for _ in range(3)])
    losses, slopes = (f(thetas.T[..., None], X, X) for f in (form.predict, form.jacobian))
    assert losses == pytest.approx(np.array([form.predict(theta, X, X) for theta in thetas]))
    assert slopes == pytest.approx(np.array([form.jacobian(theta, X, X) for theta in thetas]))


@every_curve
def test_every_parameter_has_its_bounds_and_the_example_lies_within(name):
    form, _, example = FORMS[name]
    assert form.kind == name
    assert len(form.param_names) == len(form.bounds) == len(example)
    assert all(low < value < high for value, (low, high) in zip(example, form.bounds, strict=True))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_m4_solves_the_equation_of_the_paper(data):
    E, gap, x0, c, a = theta = theta_of(data, "m4")
    loss = M4().at(theta, X)
    inside = (loss - E > 1e-9) & (E + gap - loss > 1e-9)  # elsewhere rounding leaves nothing of a difference
    B = x0**c * gap ** (1 - a)
    left = (loss - E)[inside] / (E + gap - loss)[inside] ** a
    assert left == pytest.approx((B * X**-c)[inside], rel=1e-5)


def test_bnsl_has_the_slopes_of_its_exponents_on_either_side_of_the_break():
    theta = np.array([0.0, 40.0, 0.1, 0.3, 1e8, 0.2])
    below, above = np.array([1e2, 1e3]), np.array([1e13, 1e14])
    slope = [np.diff(np.log(Bnsl().at(theta, x)))[0] / np.log(10) for x in (below, above)]
    assert slope == pytest.approx([-0.1, -0.4], abs=1e-6)


def runs_along(form, theta, x, *, noise=0.0, n_params=3e8):
    rng = np.random.default_rng(0)
    losses = form.predict(np.array(theta), x, x) * np.exp(noise * rng.normal(size=len(x)))
    return [
        RunRecord(
            run_id=f"run {i:02}",
            budget=None,
            size="one",
            seed=0,
            n_params=n_params,
            n_params_nonembedding=None,
            n_units=float(d),
            flops=float(6 * n_params * d),
            flops_6nd=float(6 * n_params * d),
            loss=float(loss),
        )
        for i, (d, loss) in enumerate(zip(x, losses, strict=True))
    ]


@every_curve
def test_exact_runs_give_the_curve_back_between_and_beyond_them(name):
    form, _, truth = FORMS[name]
    law = fit_curve(points_of(runs_along(form, truth, X)), form)
    for x in (3e7, 1e12):
        assert law.loss_over(x).value == pytest.approx(
            float(form.predict(np.array(truth), np.array([x]), np.array([x]))[0]), rel=2e-3
        )


@every_curve
def test_an_interval_holds_its_value_and_is_wider_beyond_the_runs(name):
    form, _, truth = FORMS[name]
    law = fit_curve(points_of(runs_along(form, truth, np.geomspace(1e6, 1e10, 12), noise=0.01)), form)
    near, far = law.loss_over(1e9), law.loss_over(1e12)
    assert near.value in near.interval
    assert far.value in far.interval
    assert far.interval.high / far.interval.low >= near.interval.high / near.interval.low


def test_the_data_that_reaches_a_loss_is_the_inverse_of_the_loss():
    form, _, truth = FORMS["m2"]
    law = fit_curve(points_of(runs_along(form, truth, X, noise=0.003)), form)
    wanted = law.loss_over(5e9).value
    reached = law.x_for(wanted)
    assert reached.value == pytest.approx(5e9, rel=1e-3)
    assert reached.value in reached.interval
    with pytest.raises(FitError, match=r"does not come down to a loss of 0\.5") as caught:
        law.x_for(0.5)
    assert caught.value.code == "loss-out-of-reach"


def test_more_parameters_than_runs_bear_are_refused():
    with pytest.raises(FitError, match="needs 8 amounts of data; the runs have 6") as caught:
        fit_curve(points_of(runs_along(M2(), (1.2, 40.0, 0.3), X[:6])), Bnsl())
    assert caught.value.code == "too-few-runs"
