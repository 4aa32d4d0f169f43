from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.findings.influence import about_influence
from flops_fit.fit.findings.refits import log_n_at, loss_of, refitted, surface_of
from flops_fit.fit.robust import refine


def tilted(runs, budget, slope):
    """Spoil one budget: the larger the model, the higher (slope > 0) its loss."""
    middle = np.median([np.log(r.n_params) for r in runs if r.flops == budget])
    return [
        replace(
            r, loss=r.loss * np.exp(slope * (np.log(r.n_params) - middle)) if r.flops == budget else r.loss
        )
        for r in runs
    ]


def test_a_budget_that_moves_the_answer_is_named(valley, clean, clean_valley):
    last_but_one = sorted({r.flops for r in clean})[-2]
    finding = valley(tilted(clean, last_but_one, 0.08)).by(about_influence)["influential-runs"]
    assert finding.message.startswith(
        f"Without the runs at {last_but_one:.3g} FLOPs N* at the largest budget is"
    )
    assert finding.value > finding.threshold
    assert "influential-runs" not in clean_valley.by(about_influence)


def test_a_size_that_moves_the_answer_is_named(valley, ladder_runs):
    """One rung of the ladder was trained badly, wherever it occurs."""
    runs = ladder_runs(noise=0.001)
    spoilt = [replace(r, loss=r.loss * (1.04 if np.isclose(r.n_params, 1.28e8) else 1)) for r in runs]
    assert "influential-runs" not in valley(runs).by(about_influence)
    assert valley(spoilt).by(about_influence)["influential-runs"].message.startswith("Without the size N = ")


def test_what_a_surface_would_answer_without_some_runs_is_what_it_answers_without_them(
    surface, clean_surface
):
    points, law = clean_surface.points, clean_surface.law
    first = points.budget != points.budget.min()
    refit = refitted(points, law, first.astype(float)[None])
    alone_points = points.only(first)
    alone_surface = surface_of(alone_points, law)
    alone = refine(
        alone_surface,
        alone_surface.response(alone_points.loss),
        alone_surface.work(law.theta)[None],
        counts=np.ones((1, len(alone_points))),
        loss=loss_of(points, law),
        steps=50,
    )
    top = law.flops_range[1]
    assert log_n_at(points, law, refit.work, top) == pytest.approx(
        log_n_at(points, law, alone.work, top), abs=0.003
    )


def test_no_part_of_a_clean_surface_moves_the_answer_far(clean_surface):
    assert "influential-runs" not in clean_surface.by(about_influence)
