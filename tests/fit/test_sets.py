from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit import Conventions
from flops_fit.fit.curves.powers import M2
from flops_fit.fit.forms import Bounded
from flops_fit.fit.imported import fit_imported
from flops_fit.fit.pipeline import check_fit
from flops_fit.fit.points import points_of
from flops_fit.fit.sets import about_sets


def told(runs, labels):
    return about_sets(runs, labels, lambda alone: check_fit(points_of(alone), None))


@pytest.fixture
def two_sets(chinchilla_runs):
    """Two data sets whose losses differ by 3% and a slope, under 0.5% noise."""
    first = chinchilla_runs(noise=0.005, seed=1)
    second = [replace(r, loss=r.loss * 1.03) for r in chinchilla_runs(noise=0.005, seed=2)]
    return (*first, *second), ("c4",) * len(first) + ("it's wiki",) * len(second)


def test_sets_that_follow_different_laws_are_told_with_what_to_paste(two_sets):
    runs, names = two_sets
    (finding,) = told(runs, {"note": ("x",) * len(runs), "data": names})
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
    (finding,) = told((*runs, *few, *broken), {"data": (*names, *["pile"] * 7, *["books"] * 9)})
    assert "Column 'data' names 2 sets" in finding.message
    assert finding.message.endswith("Left out, for having fewer than 8 runs with a loss: 'books', 'pile'.")
    assert finding.action.count("where=") == 2


def test_only_sets_that_can_be_fitted_are_offered(two_sets):
    runs, names = two_sets
    of_one_size = [replace(r, n_params=1e8, loss=r.loss * 1.2) for r in runs[:20]]
    (finding,) = told((*runs, *of_one_size), {"data": (*names, *["books"] * 20)})
    assert "Column 'data' names 3 sets" in finding.message
    assert finding.message.endswith(" 1 of them cannot be fitted alone: 'books' (too-few-sizes).")
    assert [line.strip() for line in finding.action.splitlines()[1:]] == [
        'where={"data": "c4"}',
        """where={"data": "it's wiki"}""",
    ]


def test_where_no_set_can_be_fitted_none_is_offered(two_sets):
    runs, names = two_sets
    (finding,) = told([replace(r, budget=1e18, flops=1e18) for r in runs], {"data": names})
    assert finding.message.endswith(
        """ 2 of them cannot be fitted alone: 'c4' (one-budget), "it's wiki" (one-budget)."""
    )
    assert finding.action.startswith("train more runs of one set")


def test_every_set_of_a_public_table_that_is_offered_can_be_fitted(public_table):
    table = public_table("vision_imagenet")
    (finding,) = about_sets(table.records, table.labels, lambda alone: check_fit(points_of(alone), Bounded()))
    assert finding.action.count("where=") == 3
    assert "4 of them cannot be fitted alone: 'AlexNet' (too-few-sizes)" in finding.message


def test_a_curve_is_offered_sets_of_one_size(public_table):
    table = public_table("nmt_learning_curves")
    law = fit_imported(table.records, M2(), unit="pair", declared=Conventions(), labels=table.labels)
    (finding,) = [f for f in law.findings if f.code == "several-sets"]
    assert "cannot be fitted" not in finding.message
    assert "where=" in finding.action


def test_names_that_make_no_difference_are_no_sets(two_sets, chinchilla_runs):
    runs, names = two_sets
    shuffled = tuple(np.random.default_rng(0).permutation(names))
    assert told(runs, {"data": shuffled}) == ()
    assert told(chinchilla_runs(), {"budget": tuple(str(r.budget) for r in chinchilla_runs())}) == ()


def test_flags_names_of_runs_and_rare_values_are_no_sets(two_sets):
    runs, names = two_sets
    flags = tuple(str(name == "c4") for name in names)
    rare = ("odd",) * 3 + ("usual",) * (len(runs) - 3)
    each = tuple(run.run_id + str(i) for i, run in enumerate(runs))
    assert told(runs, {"flag": flags, "rare": rare, "run": each}) == ()


def test_names_of_training_curves_are_no_sets(chinchilla_runs):
    """Nine models, each logged at eight amounts of data."""
    runs = [
        replace(
            r, n_units=r.n_units * 2.0**-i, loss=r.loss + 2085 * r.n_units**-0.3658 * (2 ** (0.3658 * i) - 1)
        )
        for r in chinchilla_runs(budgets=np.array([1e18]), noise=0.002)
        for i in range(8)
    ]
    names = tuple(run.run_id for run in runs)
    assert told(runs, {"run": names}) == ()
    assert told([replace(r, n_params=r.n_params * (1 + i % 2)) for i, r in enumerate(runs)], {"run": names})


def test_outliers_make_no_sets(chinchilla_runs):
    runs = [
        replace(r, loss=r.loss * (3 if i % 9 == 0 else 1)) for i, r in enumerate(chinchilla_runs(noise=0.005))
    ]
    names = tuple("ab"[i % 2] for i in range(len(runs)))
    assert told(runs, {"data": names}) == ()


def test_runs_without_a_loss_do_not_count(two_sets):
    runs, names = two_sets
    broken = [replace(r, status="failed", loss=None) if i < 60 else r for i, r in enumerate(runs)]
    assert told(broken, {"data": names}) == ()


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
    assert [f.message.split("'")[1] for f in told(table.records, table.labels)] == (
        [column] if column else []
    )
