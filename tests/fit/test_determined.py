"""Every refusal names what is missing and the runs that would help, in figures that can be pasted."""

import re
from dataclasses import replace

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.fit.determined import check_determined, check_minima
from flops_fit.fit.points import points_of

SIZES_AT = re.compile(r"N = ([\d.e+, ]+) at ([\d.e+]+) FLOPs")


def refused(check, runs):
    with pytest.raises(FitError) as caught:
        check(points_of(runs))
    return caught.value


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (lambda runs: [replace(r, n_params=1e7, n_units=r.flops / 6e7) for r in runs], "too-few-sizes"),
        (lambda runs: runs[:6], "too-few-runs"),
        (lambda runs: runs[:9], "one-budget"),
        (
            lambda runs: [replace(r, n_params=1e7 * (1 + i % 5 / 9)) for i, r in enumerate(runs)],
            "narrow-range-of-sizes",
        ),
    ],
)
def test_the_fix_names_sizes_at_budgets_around_the_best_run(chinchilla_runs, true_optimum, broken, code):
    error = refused(check_determined, broken(list(chinchilla_runs())))
    assert error.code == code
    offers = SIZES_AT.findall(error.fix)
    assert len(offers) == 3
    budgets = [float(flops) for _, flops in offers]
    assert budgets[-1] / budgets[0] == pytest.approx(10, rel=0.1)
    sizes = [float(n) for n in offers[-1][0].split(", ")]
    assert len(sizes) == 5
    if code in {"too-few-runs", "one-budget"}:
        assert sizes[0] < true_optimum(budgets[-1]) < sizes[-1]


def test_runs_without_a_loss_are_counted_beside_those_that_are_too_few(chinchilla_runs):
    runs = [replace(r, status="failed") if i > 5 else r for i, r in enumerate(chinchilla_runs())]
    others = f"6 usable runs ({len(runs) - 6} others have no usable loss) cannot"
    assert refused(check_determined, runs).problem.startswith(others)


def test_a_score_of_which_more_is_better_is_refused(chinchilla_runs):
    error = refused(check_determined, [replace(r, loss=1 / r.loss) for r in chinchilla_runs(noise=0.01)])
    assert error.code == "rising-loss"
    assert error.fix.startswith("if it is a score of which more is better, fit an error")


def test_one_size_is_told_of_the_curves(chinchilla_runs):
    runs = [replace(r, n_params=1e7, n_units=r.flops / 6e7) for r in chinchilla_runs()]
    assert refused(check_determined, runs).fix.endswith('fit a curve: form="m2"')


def test_a_fixed_ratio_is_told_of_other_ratios_at_the_same_compute(chinchilla_runs):
    runs = [
        replace(r, n_units=20 * r.n_params, flops=120 * r.n_params**2, budget=None) for r in chinchilla_runs()
    ]
    error = refused(check_determined, runs)
    assert error.code == "fixed-ratio"
    pairs = re.findall(r"N = ([\d.e+, ]+) with D = ([\d.e+, ]+)", error.fix)
    assert len(pairs) == 3
    for sizes, units in pairs:
        spent = [6 * float(n) * float(d) for n, d in zip(sizes.split(", "), units.split(", "), strict=True)]
        assert max(spent) / min(spent) < 1.15  # two digits of each
    assert float(pairs[0][1].split(", ")[0]) / float(pairs[0][0].split(", ")[0]) > 100


@pytest.mark.parametrize(("shift", "side"), [(20.0, "smallest"), (0.05, "largest")])
def test_without_a_minimum_inside_the_sizes_the_fix_reaches_beyond_them(chinchilla_runs, shift, side):
    error = refused(check_minima, chinchilla_runs(noise=0.002, shift=shift))
    assert error.code == "no-interior-minimum"
    assert (
        f"the best run is the {'smallest' if shift > 1 else 'largest'} size at" in error.problem
        or side in error.problem
    )
    first = chinchilla_runs(shift=shift)[:9]
    edge = min(r.n_params for r in first) if shift > 1 else max(r.n_params for r in first)
    offered = [float(n) for n in SIZES_AT.findall(error.fix)[0][0].split(", ")]
    assert len(offered) == 3
    assert ("raise the budgets" in error.fix) is (shift > 1)
    assert all(n < edge if shift > 1 else n > edge for n in offered)


def test_one_budget_with_a_minimum_is_enough_not_to_be_refused(chinchilla_runs):
    beyond = chinchilla_runs(shift=20.0, budgets=np.geomspace(1e17, 1e18, 4))
    inside = chinchilla_runs(budgets=np.array([1e19]))
    check_minima(points_of([replace(r, run_id=str(i)) for i, r in enumerate([*beyond, *inside])]))


def test_a_good_sweep_and_the_public_tables_are_not_refused(chinchilla_runs, public_runs):
    for runs in (chinchilla_runs(noise=0.005), public_runs("epoch_chinchilla"), public_runs("gadre")):
        check_determined(points_of(runs))
        check_minima(points_of(runs))
