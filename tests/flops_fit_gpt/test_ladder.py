"""The ladder is the published one for three vocabularies, and sound for any other."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_fit_gpt.ladder import TINY, shapes

# Width/layers of the rungs up to 1e8 parameters, from the design study of the ladder.
PUBLISHED = {
    256: """16/1 16/2 24/1 24/2 24/3 32/2 32/3 40/2 48/2 56/2 64/2 64/3 80/3 80/4 80/5 96/4 112/4 112/5 128/5
        144/5 160/5 160/6 160/8 192/7 192/9 224/8 256/8 288/8 288/10 320/10 384/9 384/11 448/11 448/13
        512/13 576/13 640/13 704/14""",
    4096: """16/1 24/2 32/2 40/3 48/4 64/3 80/2 80/4 96/4 112/5 128/5 144/6 160/6 176/7 192/8 224/8 256/8
        288/8 320/8 352/9 384/10 384/13 448/12 512/12 576/12 576/15 704/13""",
    50304: "16/1 24/2 32/2 40/2 56/3 64/3 80/4 96/4 128/5 160/5 192/6 224/7 256/11 320/9 384/9 448/10 512/11",
}
# First and last parameter counts of each, from the same study.
ENDS = {256: (11_264, 83_623_936), 4096: (134_144, 83_083_264), 50304: (1_612_800, 86_114_304)}


@pytest.mark.parametrize("vocabulary", PUBLISHED)
def test_the_published_ladders_come_out_exactly(vocabulary):
    rungs = shapes(vocabulary, 1e8)[len(TINY) :]
    assert [f"{rung.width}/{rung.n_layers}" for rung in rungs] == PUBLISHED[vocabulary].split()
    assert (rungs[0].n_params(vocabulary), rungs[-1].n_params(vocabulary)) == ENDS[vocabulary]


def test_heads_change_width_only_where_published():
    assert [
        (rung.d_head, rung.width) for rung in shapes(4096, 1e8) if rung.width in {56, 64, 176, 192, 352, 384}
    ] == [
        (16, 64),
        (16, 176),
        (32, 192),
        (32, 352),
        (64, 384),
        (64, 384),
    ]


@given(vocabulary=st.integers(2, 300_000), n_max=st.floats(1e3, 3e9))
def test_every_ladder_grows_and_never_narrows(vocabulary, n_max):
    rungs = shapes(vocabulary, n_max)
    counts = [rung.n_params(vocabulary) for rung in rungs]
    assert all(a < b for a, b in pairwise(counts))
    assert all(a.width <= b.width for a, b in pairwise(rungs))
    assert not counts or counts[-1] <= n_max
    assert all(rung.width % rung.n_heads == 0 and rung.d_head % 2 == 0 for rung in rungs)


@given(vocabulary=st.integers(2, 300_000), n_max=st.floats(1e5, 1e8), more=st.floats(1, 100))
def test_asking_for_more_sizes_changes_none_of_the_smaller(vocabulary, n_max, more):
    few = shapes(vocabulary, n_max)
    assert shapes(vocabulary, n_max * more)[: len(few)] == few


@given(vocabulary=st.integers(200, 300_000))
def test_steps_stay_small_above_the_bottom(vocabulary):
    counts = [rung.n_params(vocabulary) for rung in shapes(vocabulary, 1e9)[len(TINY) + 3 :]]
    assert max(b / a for a, b in pairwise(counts)) < 1.6
