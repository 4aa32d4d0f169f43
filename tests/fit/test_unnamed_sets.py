from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.errors import FitError
from flops_fit.fit import Conventions
from flops_fit.fit.imported import fit_imported
from flops_fit.fit.points import points_of
from flops_fit.fit.unnamed_sets import about_unnamed_sets
from flops_fit.runs import RunRecord

OTHER = (2.2, 300.0, 1500.0, 0.30, 0.33)
"""Another data set: a law with another floor and other exponents."""


def told(runs):
    return about_unnamed_sets(points_of(runs))


def imported(runs, **labels):
    return fit_imported(runs, None, unit="token", declared=Conventions(), labels=labels)


def on_grid_of(runs: Sequence[RunRecord], losses: Sequence[float], name: str) -> list[RunRecord]:
    return [
        replace(r, run_id=f"{r.run_id} {name}", loss=float(loss))
        for r, loss in zip(runs, losses, strict=True)
    ]


@pytest.fixture
def mixture(chinchilla_runs):
    """Sets of runs at the same N and D, whose losses are those of the first times a factor each."""

    def mix(*factors, noise=0.003):
        first = chinchilla_runs(noise=noise)
        sets = [
            on_grid_of(first, [f * r.loss for r in chinchilla_runs(noise=noise, seed=1 + i)], f"of set {i}")
            for i, f in enumerate(factors)
        ]
        return [*first, *(run for other in sets for run in other)]

    return mix


@pytest.mark.parametrize("factor", [1.05, 1.1, 1.3])
def test_runs_of_two_sets_are_told_with_an_example_and_what_to_do(mixture, factor):
    (finding,) = told(mixture(factor))
    assert (finding.code, finding.severity) == ("unnamed-sets", "error")
    assert finding.message.startswith("126 runs share their N and D with others, and there losses differ by ")
    assert "fall into 2 groups, as noise does not: they are not of one set" in finding.message
    typical = float(finding.message.split("differ by ")[1].split("%")[0]) / 100
    assert typical == pytest.approx(factor - 1, abs=0.005)
    low, high = (part for part in finding.message.split("run ")[1:])
    assert "of set" not in low
    assert "of set 0 has L = " in high
    assert 'where={"set": "NAME"}' in finding.action


def test_sets_of_other_exponents_and_of_a_slightly_different_n_are_told(chinchilla_runs):
    first = chinchilla_runs(noise=0.003)
    E, A, B, alpha, beta = OTHER
    other = on_grid_of(first, [E + A * r.n_params**-alpha + B * r.n_units**-beta for r in first], "b")
    (finding,) = told([*first, *(replace(r, n_params=r.n_params * 1.0005) for r in other)])
    assert finding.severity == "error"


def test_three_sets_are_counted_and_so_are_two_of_several_seeds(mixture):
    assert "fall into 3 groups" in told(mixture(1.07, 1.2))[0].message
    seeds = mixture(1, 1, 1.1, 1.1, 1.1)
    assert "378 runs" in told(seeds)[0].message
    assert "fall into 2 groups" in told(seeds)[0].message


def test_sets_that_share_a_part_of_their_n_and_d_are_told(mixture):
    runs = mixture(1.1)
    kept = np.random.default_rng(0).permutation(len(runs))[:80]
    assert told([runs[i] for i in kept])[0].severity == "error"


def test_sets_that_hardly_differ_are_a_warning(mixture):
    (finding,) = told(mixture(1.02, noise=0.001))
    assert finding.severity == "warning"


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_seeds=st.integers(2, 6),
    noise=st.sampled_from([1e-4, 0.003, 0.05, 0.3]),
    tails=st.sampled_from([2.0, 3.0, 1e6]),
    growth=st.floats(-1, 1),
)
def test_seeds_are_no_sets_however_they_scatter(chinchilla_runs, seed, n_seeds, noise, tails, growth):
    """Student's t of few degrees of freedom, or normal; louder or quieter with compute."""
    rng = np.random.default_rng(seed)
    runs = [
        replace(
            r,
            run_id=f"{r.run_id}.{i}",
            loss=r.loss * np.exp(np.clip(noise * (r.flops / 1e18) ** growth * rng.standard_t(tails), -5, 5)),
        )
        for r in chinchilla_runs()
        for i in range(n_seeds)
    ]
    assert told(runs) == ()


@pytest.mark.parametrize("seed", range(5))
def test_seeds_whose_whole_course_lies_high_or_low_are_no_sets(chinchilla_runs, seed):
    """Checkpoints of two runs of each of five sizes: what one says, the others of the size repeat."""
    rng = np.random.default_rng(seed)
    first = chinchilla_runs()[0]
    runs = [
        replace(
            first,
            run_id=f"{n:.3g} {i} {d:.3g}",
            n_params=n,
            n_units=d,
            loss=(1.8 + 480 * n**-0.35 + 2000 * d**-0.37) * up,
        )
        for n in np.geomspace(1e6, 1e8, 5)
        for i, up in enumerate(np.exp(0.01 * rng.normal(size=2)))
        for d in np.geomspace(1e8, 1e10, 10)
    ]
    assert told(runs) == ()


def test_runs_that_went_wrong_now_and_then_are_no_set(chinchilla_runs):
    rng = np.random.default_rng(0)
    runs = [
        replace(r, run_id=f"{r.run_id}.{i}", loss=r.loss * np.exp(0.003 * rng.normal() + 0.2 * (i == bad)))
        for r in chinchilla_runs()
        for bad in [rng.integers(10)]
        for i in range(10)
    ]
    assert told(runs) == ()


def test_copies_and_runs_that_share_nothing_say_nothing(chinchilla_runs):
    runs = chinchilla_runs(noise=0.003)
    assert told(runs) == ()
    assert told([*runs, *on_grid_of(runs, [r.loss for r in runs], "copy")]) == ()


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("epoch_chinchilla", [None]),
        ("llama_3", [None]),
        ("ml_scalefit_chinchilla", [None]),
        ("vision_imagenet", [None]),
        ("nmt_learning_curves", [None]),
        ("gadre", ["gadre_c4_original", "gadre_rpj", "gadre_rw_original"]),
        (
            "porian_owt2",
            [
                f"porian_owt2_{setting}"
                for setting in (
                    "base_long_kaplan_kaplan",
                    "base_long_kaplan_standard",
                    "base_short_kaplan_standard",
                    "base_short_chinchilla_standard",
                    "tuned_short_const_standard",
                )
            ],
        ),
    ],
)
def test_sets_of_public_tables_are_taken_for_what_they_are(public_runs, name, sources):
    for source in sources:
        assert told(public_runs(name, **({"source": source} if source else {}))) == ()


def test_two_public_settings_in_one_table_are_told(public_runs):
    settings_ = ("base_long_kaplan_standard", "base_short_chinchilla_standard")
    runs = [run for name in settings_ for run in public_runs("porian_owt2", source=f"porian_owt2_{name}")]
    assert told(runs)[0].severity == "error"


def test_a_fit_that_a_mixture_of_sets_prevents_says_so_and_how_to_part_them(mixture):
    with pytest.raises(FitError, match="126 runs share their N and D") as caught:
        imported(mixture(1.3))
    assert caught.value.code == "no-curvature"
    assert caught.value.fix.startswith("add a column, e.g. `set`")


def test_sets_come_before_what_is_odd_about_their_mixture(mixture):
    law = imported(mixture(1.04))
    assert law.status == "unreliable"
    assert law.findings[0].code == "unnamed-sets"
    assert not {"noisy-seeds", "more-than-seeds"} & {f.code for f in law.findings}


def test_sets_that_a_column_names_are_told_by_it(mixture):
    runs = mixture(1.04)
    found = {f.code for f in imported(runs, data=("a",) * 63 + ("b",) * 63).findings}
    assert "several-sets" in found
    assert "unnamed-sets" not in found
