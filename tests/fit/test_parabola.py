import numpy as np
import pytest

from flops_fit.fit.parabola import fit_parabola, nearby

LOG_N = np.log(1e6) + np.linspace(-1.2, 1.2, 9)
AROUND = {"centre": np.log(1e6), "curvature": 0.035, "curvature_sd": 0.01, "noise": 1e-3}


def parabola_of(log_loss, *, window=1.3, **changes):
    belief = nearby(LOG_N - AROUND["centre"], window).astype(float)
    return fit_parabola(LOG_N, log_loss, belief, **{**AROUND, **changes})


def valley(vertex, curvature=0.04):
    return 1.1 + curvature * (LOG_N - vertex) ** 2


def test_an_exact_parabola_gives_its_vertex():
    vertex, variance, lowest, *_ = parabola_of(valley(AROUND["centre"] + 0.3)).vertex(0.001)
    assert vertex == pytest.approx(AROUND["centre"] + 0.3, abs=1e-3)
    assert lowest == pytest.approx(1.1, abs=1e-4)
    assert variance < 0.02**2


def test_a_diverged_run_does_not_move_the_vertex():
    losses = valley(AROUND["centre"])
    losses[6] += 0.5
    fitted = parabola_of(losses)
    assert fitted.vertex(0.001)[0] == pytest.approx(AROUND["centre"], abs=0.01)
    assert fitted.n_outliers == 1


def test_runs_outside_the_window_count_for_nothing():
    inside = parabola_of(valley(AROUND["centre"]), window=0.7)
    bent = valley(AROUND["centre"]) + np.where(np.abs(LOG_N - AROUND["centre"]) > 0.7, 0.3, 0)
    assert parabola_of(bent, window=0.7).coefficients == pytest.approx(inside.coefficients)
    assert inside.n_runs == 5


def test_three_runs_are_taken_where_the_window_holds_fewer():
    assert parabola_of(valley(AROUND["centre"]), window=0.1).n_runs == 3


def test_runs_without_curvature_leave_the_vertex_to_the_prior_and_say_so():
    rng = np.random.default_rng(0)
    flat = parabola_of(1.1 + 1e-2 * rng.normal(size=9), noise=1e-2)
    assert flat.own_curvature < 2 * flat.own_curvature_var**0.5
    assert flat.vertex(0.001)[1] > parabola_of(valley(AROUND["centre"])).vertex(0.001)[1] * 10
