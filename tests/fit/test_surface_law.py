from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.bootstrap import clusters
from flops_fit.fit.misses import Inflation
from flops_fit.fit.points import points_of
from flops_fit.fit.scaling_law import law_from_json
from flops_fit.fit.surface import fit_surface
from flops_fit.fit.surface_law import expansion_of


@pytest.fixture(scope="module")
def law(chinchilla_runs):
    return fit_surface(points_of(chinchilla_runs(noise=0.005)), Chinchilla(), n_draws=300)


def widths(law):
    answers = [
        law.optimum(1e20).n_params,
        law.optimum(1e20).loss,
        law.loss_at(1e7, 1e9),
        law.exponent_at_top,
    ]
    return [a.interval.high - a.interval.low for a in answers]


def test_every_answer_carries_the_inflation_of_its_kind(law):
    plain = replace(law, inflation=Inflation(size=1.0, loss=1.0, n_origins=3))
    wide = replace(law, inflation=Inflation(size=2.0, loss=3.0, n_origins=3))
    ratios = np.divide(widths(wide), widths(plain))
    assert ratios == pytest.approx([2.0, 3.0, 3.0, 2.0], rel=0.1)


def test_parameters_are_named_with_intervals_that_hold_the_truth(law):
    truth = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    wide = replace(law, inflation=Inflation(size=20.0, loss=1.0, n_origins=3))
    assert dict(law.parameters).keys() == truth.keys()
    for name, found in law.parameters:
        assert truth[name] in found.interval
        assert found.value == law.theta[law.form.param_names.index(name)]
    assert all(found.interval.low > 0 for _, found in wide.parameters)


def test_the_interval_of_a_loss_holds_what_runs_show(chinchilla_runs, law):
    runs = chinchilla_runs(noise=0.005, seed=99)
    inside = [r.loss in law.loss_at(r.n_params, r.n_units).interval for r in runs]
    assert 0.88 <= np.mean(inside) <= 1.0
    noiseless = replace(law, residual_scale=1e-12)
    assert np.mean([r.loss in noiseless.loss_at(r.n_params, r.n_units).interval for r in runs]) < 0.7


def test_few_trunks_widen_as_t_does_and_single_cells_do_not():
    assert expansion_of(8, 64) == pytest.approx(t.ppf(0.975, 7) / 1.959964, rel=1e-6)
    assert expansion_of(20, 20) == 1.0
    assert np.isfinite(expansion_of(1, 5))


def test_runs_of_one_trunk_are_drawn_together_and_widen_the_answer(chinchilla_runs):
    rng = np.random.default_rng(3)
    runs = chinchilla_runs(noise=0.002, n_sizes=8)
    by_size = {size: rng.normal() for size in range(8)}
    runs = [replace(r, loss=r.loss * np.exp(0.01 * by_size[i % 8])) for i, r in enumerate(runs)]
    trunks = [replace(r, trunk=f"trunk {i % 8}") for i, r in enumerate(runs)]
    assert len(np.unique(clusters(points_of(trunks)))) == 8
    alone, together = (fit_surface(points_of(table), Chinchilla(), n_draws=200) for table in (runs, trunks))
    assert together.resampled_width > 1.5 * alone.resampled_width


def test_a_law_survives_json_whole(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.005), Chinchilla(keep_far_runs_because="I say so"))
    again = law_from_json(law.to_json())
    ours, theirs = law.headline, again.headline
    assert theirs.form == ours.form
    assert theirs.inflation == ours.inflation
    assert theirs.optimum(1e20) == ours.optimum(1e20)
    assert theirs.loss_at(1e7, 1e9) == ours.loss_at(1e7, 1e9)
