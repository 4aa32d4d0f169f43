from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.bootstrap import LEVEL, N_DRAWS, bootstrap, cells, central, resampled_counts
from flops_fit.fit.findings import findings_of
from flops_fit.fit.forms import Ces, DataConstrained
from flops_fit.fit.points import points_of
from flops_fit.fit.projection import Runs, project
from flops_fit.fit.robust import refine, refine_robustly
from flops_fit.fit.sandwich import sandwich_width
from flops_fit.fit.starting import start
from flops_fit.fit.surface import fit_surface, laid_over


def with_seeds(runs, n_seeds, noise):
    rng = np.random.default_rng(5)
    return [
        replace(r, run_id=f"{r.run_id} {seed}", seed=seed, loss=r.loss * np.exp(noise * rng.normal()))
        for r in runs
        for seed in range(n_seeds)
    ]


def test_the_seeds_of_a_cell_are_drawn_together(chinchilla_runs):
    points = points_of(with_seeds(chinchilla_runs(), 3, 0.003))
    counts, cell = resampled_counts(points), cells(points)
    assert counts.shape == (N_DRAWS, len(points))
    for number in range(cell.max() + 1):
        members = counts[:, cell == number]
        assert members.shape[1] == 3
        assert (members == members[:, :1]).all()


@pytest.mark.parametrize("n_draws", [60, 300])
def test_the_central_interval_holds_one_more_draw_as_often_as_it_says(n_draws):
    draws = np.random.default_rng(3).uniform(size=(20_000, n_draws))
    held = [high - low for low, high in map(central, draws)]
    assert np.mean(held) == pytest.approx(LEVEL, abs=0.001)


def test_a_start_from_the_fit_to_all_runs_misses_no_better_minimum(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.01, n_sizes=5))
    surface, log_loss = laid_over(points, Chinchilla()), np.log(points.loss)
    fit = refine_robustly(surface, log_loss, start(surface, points.loss))
    work, counts = bootstrap(surface, points, fit), resampled_counts(points)
    from_grid = project(surface.form, Runs(points.n_params, points.n_units, points.loss), counts)
    cold = refine(surface, log_loss, surface.inside(from_grid), counts=counts, loss=fit.loss, steps=60)
    kept = np.sum(counts * fit.loss.cost(log_loss - surface.fitted(work)[0]), axis=1)
    assert np.mean(kept > cold.cost * 1.001) <= 0.02


@pytest.mark.parametrize("form", [Chinchilla(), Ces()], ids=["chinchilla", "ces"])
def test_resampling_and_the_sandwich_agree_where_noise_is_plain(chinchilla_runs, form):
    law = fit_surface(points_of(chinchilla_runs(noise=0.005, n_sizes=12)), form)
    interval = law.optimum(law.flops_range[1]).n_params.interval
    assert law.sandwich_width == pytest.approx(np.log(interval.high / interval.low), rel=0.4)


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (0.6, True), (1.8, True)])
def test_widths_that_differ_by_more_than_half_are_told(chinchilla_runs, factor, told):
    points = points_of(chinchilla_runs(noise=0.005, n_sizes=12))
    law = fit_surface(points, Chinchilla())
    findings = findings_of(points, replace(law, sandwich_width=law.resampled_width / factor), None)
    assert ("interval-widths" in {f.code for f in findings}) is told


def test_an_answer_that_asks_for_a_parameter_gets_its_standard_error(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.005, n_sizes=20))
    surface = laid_over(points, Chinchilla())
    fit = refine_robustly(surface, np.log(points.loss), start(surface, points.loss))
    draws = bootstrap(surface, points, fit)
    width = sandwich_width(surface, fit, cells(points), lambda work: float(work[3]))
    assert width / 4 == pytest.approx(np.std(draws[:, 3]), rel=0.25)


def test_runs_that_determine_no_floor_say_so_also_by_their_draws(chinchilla_runs):
    law = fit_law(chinchilla_runs(theta=(0.05, 60.0, 90.0, 0.2, 0.2), noise=0.01), Chinchilla())
    assert law.headline.draws_on_bound > 0.05
    assert "parameter-on-bound" in {f.code for f in law.findings}


def test_a_parameter_on_a_bound_is_named_with_its_value(chinchilla_runs):
    law = fit_law(chinchilla_runs(noise=0.003), DataConstrained(unique_units=1e9))
    (finding,) = [f for f in law.findings if f.code == "parameter-on-bound"]
    assert law.headline.on_bound == ("R_D",)
    assert finding.message.startswith("R_D = 1e+04 of 'data_constrained' ended on a bound")
