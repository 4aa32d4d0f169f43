"""Fits of a curve through `fit_law`: what they answer, and what they refuse."""

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit import fit_law, law_from_json
from flops_fit.fit.curves import M1, M2, M3, M4
from flops_fit.quantities import Interval

ARCHITECTURES = ("28 Enc, 6 Dec", "6 Enc, 28 Dec", "6 Enc, 6 Dec", "Dec-only", "TEnc-LSTM")


@pytest.fixture(scope="session")
def translation(public_runs):
    """One architecture of the public translation curves, without the largest run, and that run."""

    def read(group):
        fitted = public_runs("nmt_learning_curves", group=group, training="1")
        (held_out,) = public_runs("nmt_learning_curves", group=group, training="0")
        return fitted, held_out

    return read


def test_a_table_of_one_size_answers_losses_and_the_data_that_reach_them(translation):
    runs, held_out = translation("TEnc-LSTM")
    law = fit_law(runs, M2(), unit="sentence").headline
    answer = law.loss_at(held_out.n_params, held_out.n_units)
    assert held_out.loss in answer.interval
    assert law.x_for(0.5).value == pytest.approx(
        np.interp(-0.5, [-r.loss for r in runs], [r.n_units for r in runs]), rel=0.3
    )


def test_the_saturating_curves_extrapolate_better_than_the_bare_power_law(translation):
    """The finding of arXiv:2209.06640, on the rows of its benchmark that are at hand."""
    errors = {}
    for form in (M1(), M2(), M3(), M4()):
        misses = []
        for group in ARCHITECTURES:
            runs, held_out = translation(group)
            predicted = fit_law(runs, form).headline.loss_at(held_out.n_params, held_out.n_units).value
            misses.append(np.log(predicted / held_out.loss))
        errors[form.kind] = float(np.sqrt(np.mean(np.square(misses))))
    assert errors["m1"] > 0.15
    assert errors["m2"] < 0.07
    assert max(errors["m3"], errors["m4"]) < 0.03


def test_a_curve_has_no_optimum_and_says_why(translation):
    law = fit_law(translation("Dec-only")[0], M2()).headline
    for ask in (
        lambda: law.optimum(1e20),
        lambda: law.exponent_at_top,
        lambda: law.exponent_whole_range,
        lambda: law.isoflop_curve(np.array([1e8]), 1e20),
    ):
        with pytest.raises(FitError, match="there is no size N to choose") as caught:
            ask()
        assert caught.value.code == "no-size-to-choose"
    with pytest.raises(FitError, match="knows the loss of N = 3e"):
        law.loss_at(1e9, 1e9)


def test_a_curve_survives_json(translation):
    law = fit_law(translation("Dec-only")[0], M4())
    again = law_from_json(law.to_json())
    assert again.to_json() == law.to_json()
    assert again.headline.loss_at(3e8, 1e9) == law.headline.loss_at(3e8, 1e9)
    assert again.form == {"kind": "m4", "space": "log", "keep_far_runs_because": "", "over": "data"}


def test_several_sizes_are_refused_with_the_ways_out(chinchilla_runs):
    with pytest.raises(FitError, match="the runs have 63 sizes") as caught:
        fit_law(chinchilla_runs(), M2())
    assert caught.value.code == "several-sizes"
    assert "over: compute" in caught.value.fix


def test_over_compute_a_curve_is_the_loss_at_the_minima(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.001), M2(over="compute"))
    true_exponent = 0.3478 * 0.3658 / (0.3478 + 0.3658)
    assert law.headline.theta[2] == pytest.approx(true_exponent, rel=0.15)
    assert law.headline.theta[0] == pytest.approx(1.8172, rel=0.05)
    answer = law.headline.loss_over(1e20)
    assert isinstance(answer.interval, Interval)
    assert answer.value == pytest.approx(
        fit_law(chinchilla_runs(noise=0.001)).headline.optimum(1e20).loss.value, rel=0.01
    )


def test_a_table_of_several_curves_is_marked(public_runs):
    codes = {f.code for f in fit_law(public_runs("nmt_learning_curves"), M2()).findings}
    assert "mixed-curves" in codes
    one = fit_law(public_runs("nmt_learning_curves", group="Dec-only"), M2())
    assert "mixed-curves" not in {f.code for f in one.findings}
