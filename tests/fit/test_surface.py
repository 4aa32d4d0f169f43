from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.fit import Chinchilla
from flops_fit.fit.forms import Bounded, DataConstrained
from flops_fit.fit.points import points_of
from flops_fit.fit.robust import huber, refine, refine_robustly
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over

EPOCH = (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
MARIN = (2.6, 2.0e4, 3.0e3, 0.66, 0.40)
LOPSIDED = (1.7, 900.0, 12.0, 0.465, 0.155)


def exponent(theta):
    return theta[4] / (theta[3] + theta[4])


@pytest.mark.parametrize("theta", [EPOCH, MARIN, LOPSIDED], ids=["epoch", "marin", "lopsided"])
def test_noise_free_runs_give_back_the_surface(chinchilla_runs, theta):
    law = fit_surface(points_of(chinchilla_runs(theta=theta)), Chinchilla())
    assert law.theta == pytest.approx(theta, rel=1e-5)


@pytest.mark.parametrize(("wears_off", "seed"), [(5.3, 0), (5.3, 1), (1e4, 1)])
def test_a_fit_of_seven_parameters_arrives_however_bent_its_valley(chinchilla_runs, wears_off, seed):
    """Every run repeats its data, up to a thousand times: what data are worth hardly depends on D."""
    form, rng = DataConstrained(unique_units=3e7), np.random.default_rng(seed)
    theta = np.array([*EPOCH, 15.4, wears_off])
    runs = [
        replace(r, loss=float(form.predict(theta, r.n_params, r.n_units) * np.exp(0.001 * rng.normal())))
        for r in chinchilla_runs()
    ]
    assert fit_surface(points_of(runs), form, n_draws=50).gain_left < 1e-9


@settings(max_examples=10)
@given(alpha=st.floats(0.15, 0.9), beta=st.floats(0.15, 0.9), seed=st.integers(0, 99))
def test_any_exponents_are_found_without_starting_values(chinchilla_runs, true_optimum, alpha, beta, seed):
    # Each term is worth half a nat where the grid is centred, so that both exponents can be seen.
    theta = (1.5, 0.5 * 1e7**alpha, 0.5 * 1e9**beta, alpha, beta)
    law = fit_surface(points_of(chinchilla_runs(theta=theta, noise=0.002, seed=seed)), Chinchilla())
    optimum = law.optimum(1e20).n_params
    sd = np.log(optimum.interval.high / optimum.interval.low) / 4
    assert abs(np.log(optimum.value / true_optimum(1e20, theta))) < 5 * sd


def test_the_published_huber_objective_is_reached(public_runs):
    """Acceptance test B.

    Besiroglu et al. 2024, cell 18 of their notebook: sum of Huber(1e-3) over 240 rows is 0.00101827.
    """
    points = points_of(public_runs("epoch_chinchilla", excluded_by_besiroglu="False"))
    surface, log_loss = laid_over(points, Chinchilla()), np.log(points.loss)
    first = refine_robustly(surface, log_loss, start(surface, points.loss)).work[None]
    ones = np.ones((1, len(points)))
    fitted = refine(surface, log_loss, first, counts=ones, loss=huber(1e-3), steps=300)
    theta = surface.theta(fitted.work)[0]
    assert huber(1e-3).cost(fitted.residuals).sum() == pytest.approx(0.0010182740, rel=1e-6)
    assert theta[0] == pytest.approx(1.8172, abs=0.002)
    assert theta[1:3] == pytest.approx([477.8, 2143], rel=0.01)
    assert theta[3:] == pytest.approx([0.3473, 0.3672], abs=1e-3)


def test_the_bad_rows_of_the_epoch_table_are_survived_unnamed(public_runs):
    assert (
        0.47 <= exponent(fit_surface(points_of(public_runs("epoch_chinchilla")), Chinchilla()).theta) <= 0.55
    )


def test_the_bootstrap_gives_the_published_standard_error(public_runs):
    points = points_of(public_runs("epoch_chinchilla", excluded_by_besiroglu="False"))
    draws = fit_surface(points, Chinchilla()).draws
    assert 0.015 <= np.std(exponent(draws.T)) <= 0.025


def test_units_of_parameters_and_data_leave_exponents_and_optimum_where_they_are(chinchilla_runs):
    runs = chinchilla_runs(noise=0.004)
    in_millions = [
        replace(r, n_params=r.n_params / 1e6, n_units=r.n_units / 1e6, flops=r.flops / 1e12) for r in runs
    ]
    plain, scaled = (fit_surface(points_of(table), Chinchilla()) for table in (runs, in_millions))
    assert scaled.theta[3:] == pytest.approx(plain.theta[3:], rel=1e-6)
    assert scaled.optimum(1e8).n_params.value * 1e6 == pytest.approx(
        plain.optimum(1e20).n_params.value, rel=1e-5
    )


def test_diverged_runs_among_the_rows_change_little(chinchilla_runs, true_optimum):
    rng = np.random.default_rng(1)
    runs = chinchilla_runs(noise=0.003)
    bad = [
        replace(r, loss=r.loss * (1 + rng.uniform(0.1, 0.5))) if i % 17 == 3 else r
        for i, r in enumerate(runs)
    ]
    clean, dirty = (
        fit_surface(points_of(table), Chinchilla()).optimum(1e20).n_params for table in (runs, bad)
    )
    assert dirty.value == pytest.approx(clean.value, rel=0.15)
    assert true_optimum(1e20) in dirty.interval


def test_every_interval_holds_its_estimate(chinchilla_runs):
    law = fit_surface(points_of(chinchilla_runs(noise=0.01, n_sizes=5)), Chinchilla())
    for flops in (1e17, 1e19, 1e21):
        optimum = law.optimum(flops)
        assert optimum.n_params.value in optimum.n_params.interval
        assert optimum.loss.value in optimum.loss.interval
    estimate = law.loss_at(1e7, 1e9)
    assert estimate.value in estimate.interval


def test_a_form_whose_every_parameter_ends_on_a_bound_still_gives_a_law(chinchilla_runs):
    """`bounded` is for error rates: losses of several nats lie beyond its `chance` of 1."""
    law = fit_surface(points_of(chinchilla_runs(noise=0.003)), Bounded(), n_draws=20)
    assert law.on_bound
    assert law.sandwich_width is None


def test_the_same_runs_give_the_same_draws(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.01))
    assert (fit_surface(points, Chinchilla()).draws == fit_surface(points, Chinchilla()).draws).all()
