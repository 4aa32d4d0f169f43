"""Models for life: a published example, duality, and the limit of no inference."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import FitError
from flops_fit.fit import Estimate, Optimum
from flops_fit.quantities import Interval
from flops_fit.result import ScalingResult
from flops_fit.result.serving import Served, best_within, cheapest_for, reconciled

E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.336, 0.283
"""Hoffmann et al. 2022, arXiv:2203.15556, as used by Sardana et al. 2024."""


def exactly(value: float) -> Estimate:
    return Estimate(value=value, interval=Interval(value, value))


@dataclass(frozen=True)
class Hoffmann:
    """The published surface with C = 6·N·D, known without doubt."""

    name: str = "hoffmann"
    flops_range: tuple[float, float] = (1e18, 1e24)

    def optimum(self, flops):
        ratio = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
        n_params = ratio * (flops / 6) ** (BETA / (ALPHA + BETA))
        return Optimum(n_params=exactly(n_params), loss=self.loss_at(n_params, flops / 6 / n_params))

    def loss_at(self, n_params, n_units):
        return exactly(float(E + A * n_params**-ALPHA + B * n_units**-BETA))

    def isoflop_curve(self, n_params, flops):
        return E + A * n_params**-ALPHA + B * (flops / 6 / n_params) ** -BETA


@pytest.fixture(scope="module")
def hoffmann(known_law):
    """The surface around runs that say C = 6·N·D."""
    return replace(known_law, headline=Hoffmann())


def test_serving_2t_tokens_at_the_quality_of_13b_saves_17_percent_with_7b(hoffmann):
    """Sardana et al. 2024, arXiv:2401.00448, figure 1: 13B and 2e12 tokens; 7B instead saves 1.7e22 FLOPs."""
    result = ScalingResult(hoffmann)
    plain = result.predict(n_params=13e9)
    answer = result.predict(loss=plain.loss, inference_units=2e12)
    assert answer.n_params == pytest.approx(7e9, rel=0.02)
    assert answer.serving.saving == pytest.approx(0.17, abs=0.01)
    saved = answer.serving.compute_optimal_total - answer.serving.total_flops.value
    assert saved == pytest.approx(1.7e22, rel=0.02)
    assert answer.serving.compute_optimal_n == pytest.approx(13e9, rel=1e-3)


@settings(max_examples=8, deadline=None)
@given(total=st.floats(20, 23), demand=st.floats(9, 12))
def test_the_cheapest_model_for_the_best_loss_of_a_total_takes_that_total(hoffmann, total, demand):
    best = best_within(hoffmann, 10**total, 10**demand, noise=0.001)
    loss = hoffmann.headline.loss_at(best.n_params.value, best.n_units.value).value
    cheapest = cheapest_for(hoffmann, loss, 10**demand, noise=0.001)
    assert cheapest.total_flops.value == pytest.approx(10**total, rel=1e-4)
    assert cheapest.n_params.value == pytest.approx(best.n_params.value, rel=0.01)
    assert best.n_params.value in best.near_optimal_n


@settings(max_examples=8, deadline=None)
@given(demand=st.floats(9, 12.5), move=st.floats(0.7, 1.4))
def test_no_other_size_reaches_the_loss_with_less(hoffmann, demand, move):
    loss = 2.1
    found = cheapest_for(hoffmann, loss, 10**demand, noise=0.001)
    n_params = found.n_params.value * move
    n_units = (B / (loss - E - A * n_params**-ALPHA)) ** (1 / BETA)
    assert 6 * n_params * n_units + 2 * n_params * 10**demand >= found.total_flops.value * (1 - 1e-5)


def test_without_much_inference_the_compute_optimal_model_is_the_best(hoffmann):
    best = best_within(hoffmann, 1e22, 1e3, noise=0.001)
    assert best.n_params.value == pytest.approx(Hoffmann().optimum(1e22).n_params.value, rel=0.01)


def test_what_is_not_known_of_the_optimum_is_not_known_of_a_life(known_law, fitted):
    for law in (known_law, fitted):
        answer = ScalingResult(law).predict(1e17, inference_units=1e10)
        plain = ScalingResult(law).predict(1e17)
        assert answer.n_params < plain.n_params
        assert answer.n_units > 0
        width, plain_width = (
            np.log(p.n_params_interval.high / p.n_params_interval.low) for p in (answer, plain)
        )
        assert 0.2 * plain_width < width < 1.5 * plain_width
        assert answer.n_params in answer.n_params_interval
        assert answer.n_units in answer.n_units_interval


def test_a_second_opinion_that_differs_is_told_and_widens_the_intervals(known_law, hoffmann):
    alone = ScalingResult(known_law).predict(1e17, inference_units=1e9)
    other = ScalingResult(hoffmann).predict(1e17, inference_units=1e9)
    answer = ScalingResult(replace(known_law, second=Hoffmann())).predict(1e17, inference_units=1e9)
    assert any("UNSTABLE: the second opinion, 'hoffmann', answers" in caveat for caveat in answer.caveats)
    assert other.n_params not in alone.n_params_interval
    assert other.n_params in answer.n_params_interval
    assert other.n_units in answer.n_units_interval
    assert Hoffmann().loss_at(answer.n_params, answer.n_units).value in answer.loss_interval
    assert answer.n_params == alone.n_params


def test_where_no_run_was_all_that_the_second_opinion_holds_possible_counts():
    one, other = (
        Served(
            n_params=Estimate(value=value, interval=Interval(value / 2, value * 2)),
            n_units=exactly(1.0),
            training_flops=exactly(1.0),
            total_flops=exactly(1.0),
            near_optimal_n=Interval(1.0, 1.0),
        )
        for value in (100.0, 50.0)
    )
    near, far = (reconciled(one, other, wholly=wholly).n_params.interval for wholly in (False, True))
    assert np.log(100 / near.low) == pytest.approx(np.hypot(np.log(2), np.log(2)))
    assert np.log(100 / far.low) == pytest.approx(np.hypot(np.log(2), np.log(4)))
    assert (near.high, far.high) == pytest.approx((200.0, 200.0))


def test_inference_that_dwarfs_training_is_refused(hoffmann):
    with pytest.raises(FitError, match="more than 100 times smaller") as caught:
        best_within(hoffmann, 1e20, 1e18, noise=0.001)
    assert caught.value.code == "inference-dominates"


def test_so_many_units_are_named_as_have_an_answer(hoffmann):
    result = ScalingResult(hoffmann)
    with pytest.raises(FitError, match="Serving 1e\\+20 units") as caught:
        result.predict(1e17, inference_units=1e20)
    fewer = float(re.search(r"inference_units=([\d.e+]+),", caught.value.fix)[1])
    assert result.predict(1e17, inference_units=fewer).serving.n_units == fewer
    with pytest.raises(FitError):
        result.predict(1e17, inference_units=10 * fewer)


def test_a_life_tells_training_from_the_total(hoffmann):
    answer = ScalingResult(hoffmann).predict(loss=2.1, inference_units=1e12)
    told = str(answer)
    assert told.startswith(
        "To reach a loss of 2.100 and serve 1.00T tokens with the least FLOPs for both, 2.96e+22 in all, "
    )
    assert f"\n  C  {answer.flops:.2e} FLOPs to train\n" in told
    assert (
        "\n  in all: 2.96e+22 FLOPs to train and to serve; 14.7% less than the 3.47e+22 of the 8.49B" in told
    )
    assert "of the 8.49B parameters that are cheapest to train to this loss" in " ".join(told.split())
    assert max(map(len, told.splitlines()[1:])) <= 110


def test_a_life_gives_training_compute_with_its_interval(fitted):
    answer = ScalingResult(fitted).predict(1e17, inference_units=1e9)
    ends = answer.flops_interval
    assert (
        f"\n  C  {answer.flops:.2e} FLOPs to train, {ends.low:.2e} to {ends.high:.2e} (95% interval)\n"
    ) in str(answer)


def test_sizes_as_good_as_one_another_are_not_named_where_they_read_alike(hoffmann):
    answer = ScalingResult(hoffmann).predict(loss=2.1, inference_units=1e12)
    one = replace(answer, near_optimal_n=Interval(4.780e9, 4.781e9, 1.0))
    assert "as good: " in str(replace(answer, near_optimal_n=Interval(4.7e9, 4.9e9, 1.0)))
    assert "as good" not in str(one)
