"""Which law is the headline, and by what evidence."""

from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.choice import chosen_law, fit_surfaces
from flops_fit.fit.contest import Contest, clearly_better, hold_contest
from flops_fit.fit.forms import Ces, Chinchilla, Kappa
from flops_fit.fit.mixture_law import MixtureLaw
from flops_fit.fit.points import points_of
from flops_fit.fit.rolling import Misses


def contest_of(*, losses, sizes=None, weights=None):
    """A contest in which methods missed ln loss, and ln N*, by so much at each origin."""
    sizes = sizes or {name: [np.nan] * len(misses) for name, misses in losses.items()}
    return Contest(
        fitted={},
        misses={k: Misses(log_loss=np.array(v), log_n=np.array(sizes[k])) for k, v in losses.items()},
        unchanged=Misses(log_loss=np.array([]), log_n=np.array([])),
        surfaces={"chinchilla": Chinchilla(), "ces": Ces(), "kappa": Kappa()},
        bics={},
        weights=weights or {},
    )


@pytest.mark.parametrize(
    ("losses", "sizes", "expected"),
    [
        ([0.001, 0.001, 0.001], [0.01, 0.01, 0.01], True),
        ([0.001, 0.001, 0.006], [0.01, 0.01, 0.01], False),  # once only a little better
        ([0.001, 0.001, 0.001], [0.01, 0.01, 0.09], False),  # its N* no better
        ([0.001, 0.001, 0.001], [np.nan, np.nan, np.nan], True),  # no minimum to judge N* by
        ([0.001, np.nan, 0.001], [0.01, 0.01, 0.01], False),  # once no answer
        ([0.001, 0.001], [0.01, 0.01], False),  # too few origins
    ],
)
def test_a_surface_replaces_the_valley_only_if_it_missed_half_as_far_at_every_origin(losses, sizes, expected):
    n = len(losses)
    contest = contest_of(
        losses={"valley": [0.01] * n, "chinchilla": losses}, sizes={"valley": [0.1] * n, "chinchilla": sizes}
    )
    assert clearly_better(contest, ["chinchilla"], "valley", times=2.0) is expected


def test_clear_evidence_takes_the_headline_from_the_valley(chinchilla_runs):
    points = points_of(chinchilla_runs(noise=0.003))
    contest = hold_contest(points)
    assert chosen_law(points, contest).name == "valley"
    beaten = {**contest.misses, "valley": Misses(log_loss=np.full(3, 0.5), log_n=np.full(3, 2.0))}
    assert chosen_law(points, replace(contest, misses=beaten)).name != "valley"


def test_surfaces_are_believed_by_their_weights_and_hardly_believed_ones_left_out(public_runs):
    points = points_of(public_runs("gadre", source="gadre_rw_original"))
    weights = {"chinchilla": 0.28, "ces": 0.7, "kappa": 0.02}
    law = fit_surfaces(points, contest_of(losses={}, weights=weights))
    assert isinstance(law, MixtureLaw)
    assert [m.name for m in law.members] == ["ces", "chinchilla"]
    assert law.weights == pytest.approx([0.7 / 0.98, 0.28 / 0.98])
    assert [len(m.draws) for m in law.members] == [714, 286]


def test_one_surface_believed_alone_is_the_law(public_runs):
    points = points_of(public_runs("gadre", source="gadre_rw_original"))
    law = fit_surfaces(
        points, contest_of(losses={}, weights={"chinchilla": 0.01, "ces": 0.98, "kappa": 0.01})
    )
    assert law.name == "ces"
