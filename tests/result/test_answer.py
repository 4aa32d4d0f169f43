"""Every question a law takes: round trips, closed forms, and what a fixed size costs."""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit import Estimate, fit_law
from flops_fit.fit.forms import Bounded
from flops_fit.quantities import Interval
from flops_fit.result import ScalingResult
from flops_fit.result.answer import with_uncertain_flops
from flops_fit.result.prediction import predict


@pytest.mark.parametrize("flops", [3e14, 4e16, 1e18])
@pytest.mark.parametrize("kind", ["n_params", "n_units", "loss"])
def test_what_is_best_at_a_compute_leads_back_to_that_compute(fitted, flops, kind):
    result = ScalingResult(fitted)
    best = result.predict(flops)
    back = result.predict(**{kind: getattr(best, kind)})
    assert [back.flops, back.n_params, back.n_units, back.loss] == pytest.approx(
        [best.flops, best.n_params, best.n_units, best.loss], rel=1e-5
    )
    assert best.flops in back.flops_interval


def test_the_compute_of_a_size_is_as_uncertain_as_the_size_of_a_compute(known_law):
    """N* is known within a factor 1.2 and grows as the root of C, so C is known within 1.2²."""
    answer = ScalingResult(known_law).predict(n_params=10**6.5)
    assert answer.flops == pytest.approx(1e16, rel=1e-6)
    assert [answer.flops_interval.low, answer.flops_interval.high] == pytest.approx(
        [1e16 / 1.2**2, 1e16 * 1.2**2], rel=0.01
    )
    assert answer.n_params_interval == Interval(10**6.5, 10**6.5, 1.0)


def test_the_compute_of_a_loss_carries_the_uncertainty_of_size_and_loss(known_law):
    answer = ScalingResult(known_law).predict(loss=3.19148)  # 2 + 1.5·10^-0.1
    assert answer.flops == pytest.approx(1e16, rel=1e-3)
    best = ScalingResult(known_law).predict(1e16)
    assert answer.n_params_interval.high > best.n_params_interval.high
    assert answer.loss in answer.loss_interval


def test_a_size_off_the_optimum_costs_what_the_valley_says(known_law):
    """The valley of the known law rises by 0.03·u²."""
    answer = ScalingResult(known_law).predict(1e16, n_params=10**6.5 / 4)
    least = 2 + 1.5 * 10**-0.1
    rise = [np.expm1(0.03 * (np.log(4) + shift) ** 2) for shift in (-np.log(1.2), 0, np.log(1.2))]
    found = [answer.excess.interval.low, answer.excess.value, answer.excess.interval.high]
    assert found == pytest.approx([least * r for r in rise], rel=1e-6)
    assert answer.n_units == pytest.approx(1e16 / (6 * 10**6.5 / 4))


def test_a_size_within_the_interval_of_the_best_may_cost_nothing(known_law):
    answer = ScalingResult(known_law).predict(1e16, n_params=10**6.5 * 1.1)
    assert answer.excess.interval.low == 0.0 < answer.excess.value


def test_compute_with_data_and_size_with_data_say_the_same_as_compute_with_size(fitted):
    result = ScalingResult(fitted)
    first = result.predict(1e17, n_params=1e7)
    for same in (
        result.predict(1e17, n_units=first.n_units),
        result.predict(n_params=1e7, n_units=first.n_units),
    ):
        assert replace(same, question=first.question) == replace(
            first,
            **{
                name: pytest.approx(getattr(first, name), rel=1e-9)
                for name in ("flops", "n_params", "n_units", "loss", "noise", "extrapolation")
            },
            **{
                name: getattr(same, name)
                for name in (
                    "n_params_interval",
                    "n_units_interval",
                    "loss_interval",
                    "near_optimal_n",
                    "excess",
                )
            },
        )


def test_sizes_further_from_the_best_than_any_run_are_doubted(fitted):
    result = ScalingResult(fitted)
    best = result.predict(1e17)
    (caveat,) = result.predict(1e17, n_params=best.n_params / 30).caveats[1:] or ("",)
    assert "N is 30 times below the size of least loss for this training compute; no run lay more" in caveat
    assert result.predict(1e17, n_params=best.n_params / 4).excess.value > 0


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "bad-question"),
        ({"loss": 2.5, "n_params": 1e6}, "bad-question"),
        ({"inference_units": 1e9}, "bad-question"),
        ({"flops": 1e16, "gpu_hours": 3, "device": "H100", "utilisation": 0.4}, "bad-question"),
        ({"n_params": -1}, "bad-query"),
        ({"gpu_hours": 0}, "bad-query"),
        ({"loss": 1.5}, "out-of-reach"),
        ({"n_params": 1e30}, "out-of-reach"),
        ({"n_params": 1e9}, "far-extrapolation"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_error(known_law, asked, code):
    with pytest.raises(FitError, match="fix: ") as caught:
        ScalingResult(known_law).predict(**asked)
    assert caught.value.code == code


@dataclass(frozen=True)
class Pessimist:
    """Expects every loss to be 4."""

    name: str = "pessimist"

    def loss_at(self, n_params, n_units):
        return Estimate(value=4.0, interval=Interval(4.0, 4.0))


def test_the_loss_off_the_optimum_is_as_unsure_as_the_second_opinion_makes_it(known_law):
    alone = ScalingResult(known_law).predict(1e16, n_params=1e6)
    doubted = ScalingResult(replace(known_law, second=Pessimist())).predict(1e16, n_params=1e6)
    assert 4.0 not in alone.loss_interval
    assert 4.0 in doubted.loss_interval
    assert doubted.loss_interval.low == pytest.approx(alone.loss_interval.low)
    assert doubted.loss == alone.loss


def test_an_answer_is_json(known_law):
    answer = ScalingResult(known_law).predict(1e16, inference_units=1e8, device="A100", utilisation=0.3)
    assert json.loads(json.dumps(asdict(answer)))["serving"]["n_units"] == 1e8


def test_a_fixed_size_reads_like_this(known_law):
    assert str(ScalingResult(known_law).predict(1e16, n_params=1e6)) == (
        "With 1.00e+16 FLOPs for 1.00M parameters, train 1.00M parameters on 1.67B tokens; "
        "expect a loss of 3.321.\n"
        "  N  given\n"
        "     as good: 1.78M to 5.62M, whose loss is within 1.00% of the least, the scatter of runs\n"
        "  D  follows from what is given; 1,667 per parameter\n"
        "  L  3.256 to 3.387 (95% interval)\n"
        "     4.06% above the least of this compute (2.86% to 5.48%)"
    )


def test_compute_that_is_uncertain_takes_no_error_rate_above_one(sweep):
    truth = np.array([0.0, 3e4, 3e5, 0.65, 0.65])
    n, d = (np.array([getattr(run, name) for run in sweep()]) for name in ("n_params", "n_units"))
    runs = [
        replace(r, loss=float(loss)) for r, loss in zip(sweep(), Bounded().predict(truth, n, d), strict=True)
    ]
    law = fit_law(runs, Bounded())
    law = replace(law, headline=replace(law.headline, residual_scale=0.2))
    answer = with_uncertain_flops(law, predict(law, 1e16), Interval(1e12, 1e17))
    assert answer.loss < 0.9
    assert answer.loss_interval.high == 1
