"""What lower runs would have said of the upper ones."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, ScalingLaw, fit_valley_law
from flops_fit.fit.curve_law import fit_curve
from flops_fit.fit.curves import M2
from flops_fit.fit.hindsight import hindsight_of
from flops_fit.fit.points import points_of
from flops_fit.fit.surface import fit_surface
from flops_fit.runs import RunRecord

BUDGETS = np.geomspace(1e15, 1e17, 7)


def runs(budgets=BUDGETS, *, named=True):
    """IsoFLOP budgets of nine sizes on the surface of Besiroglu et al. 2024, 0.2% noise."""
    rng = np.random.default_rng(0)
    grid = [(c, 0.04 * c**0.5 * k) for c in budgets for k in np.geomspace(1 / 8, 8, 9)]
    for i, (c, n) in enumerate(grid):
        flops = c if named else c * (1 + i % 9)
        d = flops / (6 * n)
        yield RunRecord(
            run_id=f"run {i:03}",
            budget=c if named else None,
            size="",
            seed=0,
            n_params=n,
            n_params_nonembedding=None,
            n_units=d,
            flops=flops,
            flops_6nd=flops,
            loss=(1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658) * float(np.exp(0.002 * rng.normal())),
        )


def law_of(records, fit):
    """A law without the contest, which takes seconds."""
    points = points_of(list(records))
    return ScalingLaw(
        unit="token", form={"kind": "auto"}, points=points, headline=fit(points), second=None, findings=()
    )


@pytest.fixture(scope="module")
def law():
    return law_of(runs(), fit_valley_law)


def test_the_upper_budgets_are_forecast_from_those_below(law):
    looks = hindsight_of(law)
    assert [look.seen for look in looks] == pytest.approx(BUDGETS[3:6])
    assert [[f.at for f in look.forecasts] for look in looks] == [
        pytest.approx(BUDGETS[4:]),
        pytest.approx(BUDGETS[5:]),
        pytest.approx(BUDGETS[6:]),
    ]
    for forecast in (f for look in looks for f in look.forecasts):
        assert forecast.found_loss == pytest.approx(forecast.loss.value, rel=0.03)
        assert forecast.found_n_params in forecast.n_params.interval


def test_a_forecast_is_that_of_a_fit_which_never_saw_the_rest(law):
    blind = law_of([r for r in runs() if r.flops < BUDGETS[4] * 0.9], fit_valley_law)
    forecast = hindsight_of(law)[0].forecasts[-1]
    assert forecast.n_params.value == pytest.approx(blind.headline.optimum(BUDGETS[6]).n_params.value)
    assert forecast.loss.interval == blind.headline.optimum(BUDGETS[6]).loss.interval


def test_what_happens_above_an_origin_cannot_change_its_forecast(law):
    spoilt = [replace(r, loss=r.loss * (1.3 if r.flops > BUDGETS[5] else 1)) for r in runs()]
    assert (
        hindsight_of(law_of(spoilt, fit_valley_law))[0].forecasts[0].loss
        == hindsight_of(law)[0].forecasts[0].loss
    )


def test_runs_without_budgets_are_forecast_one_by_one():
    looks = hindsight_of(law_of(runs(named=False), partial(fit_surface, form=Chinchilla(), n_draws=250)))
    assert len(looks) == 3
    for look in looks:
        assert all(f.at > look.seen and f.n_params is None for f in look.forecasts)
        held = [f.found_loss in f.loss.interval for f in look.forecasts]
        assert np.mean(held) > 0.8


def test_a_curve_is_asked_for_its_upper_runs():
    one_size = [replace(r, n_params=1e6, budget=None) for r in runs()]
    looks = hindsight_of(law_of(one_size, partial(fit_curve, form=M2())))
    assert [len(look.forecasts) for look in looks] == [3, 2, 1]


def test_three_budgets_are_too_few_to_set_one_aside():
    assert hindsight_of(law_of(runs(BUDGETS[:3]), fit_valley_law)) == ()
