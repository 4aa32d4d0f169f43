from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law, law_from_json
from flops_fit.fit.competition import rivals_of, spread
from flops_fit.fit.contest import hold_contest
from flops_fit.fit.forms import Ces, Gadre, Kappa
from flops_fit.fit.methods import Fitted

METHODS_OF_BUDGETS = {"valley", "parabola", "interpolated"}


def unstable(law):
    return [f.message for f in law.findings if f.code == "unstable"]


def test_every_method_takes_part_once(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002))
    names = ["valley", "chinchilla", "ces", "kappa", "parabola", "interpolated"]
    assert [r.name for r in law.rivals] == names
    for form in (Kappa(), Gadre()):
        rivals = fit_law(chinchilla_runs(noise=0.002), form).rivals
        assert {r.name for r in rivals} == {*names, form.kind}
        assert len({r.name for r in rivals}) == len(rivals)


def test_runs_without_budgets_are_left_to_the_surfaces(public_runs):
    law = fit_law(public_runs("gadre", source="gadre_c4_original"))
    assert [r.name for r in law.rivals] == ["average", "chinchilla", "ces", "kappa", "gadre"]


def test_every_rival_shows_how_good_it_has_been(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002, n_sizes=11))
    for rival in law.rivals:
        assert rival.n_origins == 3
        assert 0 < rival.backtest_loss < 0.02
        assert 0 < rival.backtest_size < 0.5
        assert (rival.weight is None) == (rival.bic is None) == (rival.name in METHODS_OF_BUDGETS)
        assert rival.r_squared is None or 0.9 < rival.r_squared <= 1
    assert sum(rival.weight or 0 for rival in law.rivals) == pytest.approx(1)


def test_all_methods_agree_on_exact_runs(chinchilla_runs, true_optimum):
    law = fit_law(chinchilla_runs(n_sizes=15))
    for rival in law.rivals:
        assert rival.n_params[0] == pytest.approx(true_optimum(1e19), rel=0.05)
        assert rival.loss == pytest.approx(law.rivals[1].loss, rel=5e-3)


def test_a_spread_wider_than_the_interval_is_unstable(runs_on):
    bent = (1.8, 480.0, 2000.0, 0.35, -0.1, 0.027)
    law = fit_law(runs_on(Kappa(), np.array(bent), noise=0.0005, n_sizes=15), Chinchilla())
    (message,) = unstable(law)
    assert message.startswith("UNSTABLE: at ")


def test_a_spread_within_the_interval_is_not(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002, n_sizes=11))
    (_, smallest), (_, largest) = spread(law.rivals, 1)
    interval = law.headline.optimum(10 * law.flops_range[1]).n_params.interval
    assert largest / smallest < interval.high / interval.low
    assert not unstable(law)


def test_a_method_without_a_sensible_minimum_answers_nothing(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.002))
    contest = hold_contest(law.points)
    fitted = {
        "tiny": Fitted(optima=lambda c: (np.array([0.9, 2e7]), np.ones(2))),
        "huge": Fitted(optima=lambda c: (np.array([1e9, 1e13]), np.ones(2))),
    }
    _, tiny, huge = rivals_of(replace(contest, fitted=fitted), (law.headline,), law.points.n_params)
    assert (tiny.n_params, tiny.loss) == ((None, 2e7), (None, 1.0))
    assert (huge.n_params, huge.loss) == ((1e9, None), (1.0, None))
    assert spread((tiny, huge), 0) == (("huge", 1e9), ("huge", 1e9))
    assert spread((tiny,), 0) is None


def test_rivals_survive_json(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.004), Ces())
    assert law_from_json(law.to_json()).rivals == law.rivals
