from dataclasses import replace

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit.conventions import Conventions, convention_changes, conventions_of, declare
from flops_fit.fit.points import points_of

UNDECLARED = Conventions()


def counted(run, factor):
    """The same run with compute that is not 6·N·D."""
    return replace(run, flops=factor * run.flops)


def test_runs_of_our_own_know_how_they_were_counted(chinchilla_runs):
    runs = chinchilla_runs()
    by_formula = conventions_of(points_of(runs), UNDECLARED, unit="token")
    assert by_formula == Conventions(n_params="total", flops="6ND", loss_unit="nats per token")
    by_count = conventions_of(points_of([counted(run, 1.1) for run in runs]), UNDECLARED, unit="token")
    assert by_count.flops == "counted"


def test_of_a_table_nothing_is_assumed_but_what_its_numbers_show(chinchilla_runs):
    runs = [replace(run, origin="imported") for run in chinchilla_runs()]
    assert conventions_of(points_of(runs), UNDECLARED, unit="token") == Conventions(flops="6ND")
    counted_runs = [counted(run, 1.1) for run in runs]
    assert conventions_of(points_of(counted_runs), UNDECLARED, unit="token") == UNDECLARED


def test_what_is_declared_is_believed(chinchilla_runs):
    declared = declare(n_params="non-embedding", flops="6ND", loss_unit="  bits per\tbyte ")
    runs = [replace(run, origin="imported") for run in chinchilla_runs()]
    assert conventions_of(points_of(runs), declared, unit="token") == declared
    assert declared.loss_unit == "bits per byte"


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (
            {"n_params": "Total"},
            "n_params is said to be 'Total'; allowed: total, non-embedding",
            "n_params='total'",
        ),
        ({"flops": "exact"}, "flops is said to be 'exact'; allowed: 6ND, counted", "flops="),
    ],
)
def test_an_unknown_convention_is_put_right(words, message, fix):
    with pytest.raises(FitError, match=message) as caught:
        declare(**{"n_params": "unknown", "flops": "unknown", "loss_unit": "", **words})
    assert fix in caught.value.fix


def test_flops_that_contradict_what_is_declared_are_refused(chinchilla_runs):
    runs = list(chinchilla_runs())
    with pytest.raises(FitError, match="declared to be counted, but it is 6·N·D for every run"):
        conventions_of(points_of(runs), Conventions(flops="counted"), unit="token")
    runs[3] = counted(runs[3], 1.4)
    with pytest.raises(FitError, match=r"declared to be 6·N·D, but it is 1.4 times that at run 003"):
        conventions_of(points_of(runs), Conventions(flops="6ND"), unit="token")
    runs[3] = counted(runs[3], 1.1 / 1.4)
    conventions_of(points_of(runs), Conventions(flops="6ND"), unit="token")  # nominal budgets miss by as much


def test_a_change_of_convention_is_told_where_the_runs_have_both_numbers(chinchilla_runs):
    """On E + A/N^alpha + B/D^beta, counting N^0.9 instead of N multiplies the exponent of N* by 0.9."""
    runs = [
        replace(run, n_params_nonembedding=run.n_params**0.9, flops=run.flops * (run.n_params / 1e8) ** 0.1)
        for run in chinchilla_runs()
    ]
    points = points_of(runs)
    by_name = {change.name: change for change in convention_changes(points)}
    assert set(by_name) == {"N without embeddings", "C = 6·N·D"}
    smaller = by_name["N without embeddings"]
    alpha, beta, growth = 0.3478, 0.3658, 0.1
    # Where C grows as N^(1 + growth)·D, beta stands multiplied by 1 + growth in the first-order condition.
    exponent = beta / (alpha + (1 + growth) * beta)
    assert smaller.exponent_change == pytest.approx(-0.1 * exponent, abs=0.005)
    assert smaller.log_n_change == pytest.approx(0, abs=0.02)
    assert by_name["C = 6·N·D"].exponent_change == pytest.approx(beta / (alpha + beta) - exponent, abs=0.005)


def test_runs_with_one_way_of_counting_have_no_change_to_report(chinchilla_runs):
    runs = chinchilla_runs()
    assert convention_changes(points_of(runs)) == ()
    same = [replace(run, n_params_nonembedding=run.n_params) for run in runs]
    assert convention_changes(points_of(same)) == ()
    partly = [
        replace(run, n_params_nonembedding=run.n_params / 2 if i else None) for i, run in enumerate(runs)
    ]
    assert convention_changes(points_of(partly)) == ()


def test_gadre_counts_both_ways_and_says_what_it_changes(public_runs):
    (change,) = convention_changes(points_of(public_runs("gadre", source="gadre_c4_original")))
    assert change.name == "N without embeddings"
    assert 0.01 < change.exponent_change < 0.06  # embeddings weigh more in small models
    assert np.isfinite(change.log_n_change)
