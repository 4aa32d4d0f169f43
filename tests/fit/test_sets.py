from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.sets import about_sets


@pytest.fixture
def two_sets(chinchilla_runs):
    """Two data sets whose losses differ by 3% and a slope, under 0.5% noise."""
    first = chinchilla_runs(noise=0.005, seed=1)
    second = [replace(r, loss=r.loss * 1.03) for r in chinchilla_runs(noise=0.005, seed=2)]
    return (*first, *second), ("c4",) * len(first) + ("it's wiki",) * len(second)


def test_sets_that_follow_different_laws_are_told_with_what_to_paste(two_sets):
    runs, names = two_sets
    (finding,) = about_sets(runs, {"note": ("x",) * len(runs), "data": names})
    assert (finding.code, finding.severity) == ("several-sets", "warning")
    assert "Column 'data' names 2 sets" in finding.message
    assert finding.action.splitlines()[1:] == [
        '    where={"data": "c4"}',
        """    where={"data": "it's wiki"}""",
    ]
    assert finding.value > 2 > finding.threshold


def test_sets_of_few_runs_are_neither_counted_nor_offered_but_named(two_sets, chinchilla_runs):
    runs, names = two_sets
    few = chinchilla_runs()[:7]
    broken = [replace(r, status="failed", loss=None) for r in chinchilla_runs()[:9]]
    (finding,) = about_sets((*runs, *few, *broken), {"data": (*names, *["pile"] * 7, *["books"] * 9)})
    assert "Column 'data' names 2 sets" in finding.message
    assert finding.message.endswith("Left out, for having fewer than 8 runs with a loss: 'books', 'pile'.")
    assert finding.action.count("where=") == 2


def test_names_that_make_no_difference_are_no_sets(two_sets, chinchilla_runs):
    runs, names = two_sets
    shuffled = tuple(np.random.default_rng(0).permutation(names))
    assert about_sets(runs, {"data": shuffled}) == ()
    assert about_sets(chinchilla_runs(), {"budget": tuple(str(r.budget) for r in chinchilla_runs())}) == ()


def test_flags_names_of_runs_and_rare_values_are_no_sets(two_sets):
    runs, names = two_sets
    flags = tuple(str(name == "c4") for name in names)
    rare = ("odd",) * 3 + ("usual",) * (len(runs) - 3)
    each = tuple(run.run_id + str(i) for i, run in enumerate(runs))
    assert about_sets(runs, {"flag": flags, "rare": rare, "run": each}) == ()


def test_outliers_make_no_sets(chinchilla_runs):
    runs = [
        replace(r, loss=r.loss * (3 if i % 9 == 0 else 1)) for i, r in enumerate(chinchilla_runs(noise=0.005))
    ]
    names = tuple("ab"[i % 2] for i in range(len(runs)))
    assert about_sets(runs, {"data": names}) == ()


def test_runs_without_a_loss_do_not_count(two_sets):
    runs, names = two_sets
    broken = [replace(r, status="failed", loss=None) if i < 60 else r for i, r in enumerate(runs)]
    assert about_sets(broken, {"data": names}) == ()


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("gadre", "source"),
        ("porian_owt2", "source"),
        ("vision_imagenet", "group"),
        ("epoch_chinchilla", None),
        ("llama_3", None),
        ("ml_scalefit_chinchilla", None),
    ],
)
def test_public_tables_of_several_sets_are_recognised(public_table, name, column):
    table = public_table(name)
    assert [f.message.split("'")[1] for f in about_sets(table.records, table.labels)] == (
        [column] if column else []
    )
