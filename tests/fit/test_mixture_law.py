from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law, law_from_json
from flops_fit.fit.forms import Ces, Kappa
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface


@pytest.fixture(scope="module")
def members(public_runs):
    points = points_of(public_runs("gadre", source="gadre_rw_original"))
    return tuple(fit_surface(points, form, n_draws=100) for form in (Ces(), Chinchilla(), Kappa()))


@pytest.fixture(scope="module")
def average(members):
    return MixtureLaw(members=members, weights=np.array([0.5, 0.3, 0.2]))


def test_all_weight_on_one_member_is_the_median_of_its_resampled_fits(members):
    only = MixtureLaw(members=members, weights=np.array([1.0, 0.0, 0.0]))
    n_params, n_units = np.array([1e9]), np.array([1e11])
    fits = [float(members[0].form.predict(theta, n_params, n_units)[0]) for theta in members[0].draws]
    assert only.loss_at(1e9, 1e11).value == pytest.approx(np.median(fits))
    ours, theirs = only.optimum(1e22), members[0].optimum(1e22)
    assert ours.n_params.value == pytest.approx(theirs.n_params.value, rel=0.05)
    assert ours.n_params.interval.low == pytest.approx(theirs.n_params.interval.low, rel=0.01)
    assert ours.n_params.interval.high == pytest.approx(theirs.n_params.interval.high, rel=0.01)
    assert only.exponent_at_top.value == pytest.approx(members[0].exponent_at_top.value)


def test_a_few_absurd_fits_to_resampled_runs_move_nothing(members, average):
    """A fifth of the draws, half of them with an irreducible loss of a million: a mean would follow them."""
    draws = members[0].draws.copy()
    draws[:10, 0], draws[10:20, 0] = 1e6, 0.0
    absurd = replace(members[0], draws=draws)
    spoilt = MixtureLaw(members=(absurd, *members[1:]), weights=average.weights)
    assert spoilt.loss_at(3e9, 3e11).value == pytest.approx(average.loss_at(3e9, 3e11).value, rel=0.02)


@pytest.mark.parametrize("flops", [1e19, 1e22, 1e24])
def test_the_optimum_is_the_minimum_of_the_mean_curve_and_lies_where_the_members_hold_possible(
    members, average, flops
):
    best = average.optimum(flops)
    held_possible = [m.optimum(flops).n_params.interval for m in members]
    assert any(best.n_params.value in interval for interval in held_possible)
    here, smaller, larger = average.isoflop_curve(best.n_params.value * np.array([1, 0.98, 1.02]), flops)
    assert here <= min(smaller, larger)
    assert best.loss.value == pytest.approx(here)


def test_an_interval_is_wider_where_the_members_disagree(members, average):
    """Every member is given at least 20%, so the pooled interval reaches at least to its value."""
    optimum = average.optimum(1e24).n_params
    assert optimum.value in optimum.interval
    assert all(m.optimum(1e24).n_params.value in optimum.interval for m in members)
    agreeing = MixtureLaw(members=(members[0],) * 3, weights=average.weights).optimum(1e24).n_params
    assert np.log(optimum.interval.high / optimum.interval.low) > np.log(
        agreeing.interval.high / agreeing.interval.low
    )


def test_exponents_and_losses_carry_intervals_that_hold_their_value(average):
    for estimate in (
        average.exponent_at_top,
        average.exponent_whole_range,
        average.loss_at(3e9, 3e11),
        average.optimum(1e22).loss,
    ):
        assert estimate.value in estimate.interval


def test_the_headline_of_a_table_without_budgets_survives_json(public_runs):
    law = fit_law(public_runs("gadre", source="gadre_rpj"))
    assert isinstance(law.headline, MixtureLaw)
    assert law.headline.weights.sum() == pytest.approx(1)
    again = law_from_json(law.to_json())
    assert again.to_json() == law.to_json()
    assert again.headline.optimum(1e22) == law.headline.optimum(1e22)
