"""The whole text of a fit, word for word."""

from dataclasses import replace

import numpy as np
import pytest

from flops_fit.design import Finding
from flops_fit.fit import Chinchilla, fit_law
from flops_fit.fit.competition import Rival
from flops_fit.fit.interpolated import NoMinimum
from flops_fit.fit.power_laws import PowerLaw, PowerLaws
from flops_fit.result import ScalingResult

# ruff: noqa: E501

GOLDEN = """\
UNRELIABLE: The best size lies at or beyond the largest size trained at 1e+15 FLOPs.

| C (FLOPs) | N     | N, 95%         | N as good      | D (tokens) | D, 95%         | D/N | L     | L, 95%         | notes |
|-----------|-------|----------------|----------------|------------|----------------|-----|-------|----------------|-------|
| 1.00e+15  | 1.00M | 833K to 1.20M  | 563K to 1.78M  | 167M       | 139M to 200M   | 167 | 3.500 | 3.465 to 3.535 |       |
| 3.16e+15  | 1.78M | 1.48M to 2.13M | 1.00M to 3.16M | 296M       | 247M to 356M   | 167 | 3.337 | 3.304 to 3.370 |       |
| 1.00e+16  | 3.16M | 2.64M to 3.79M | 1.78M to 5.62M | 527M       | 439M to 632M   | 167 | 3.191 | 3.160 to 3.223 |       |
| 3.16e+16  | 5.62M | 4.69M to 6.75M | 3.16M to 9.99M | 937M       | 781M to 1.12B  | 167 | 3.062 | 3.032 to 3.093 |       |
| 1.00e+17  | 10.0M | 8.33M to 12.0M | 5.63M to 17.8M | 1.67B      | 1.39B to 2.00B | 167 | 2.946 | 2.917 to 2.976 |       |
| 1.00e+18  | 31.6M | 22.0M to 45.5M | 17.8M to 56.2M | 5.27B      | 3.66B to 7.59B | 167 | 2.752 | 2.725 to 2.779 | [1]   |

L in nats per token. 95%: intervals. N as good: sizes whose loss is within 1.00% of the least, by which single runs scatter.
[1] Extrapolated: 10 times the largest budget trained.

Fit: 'known', 63 runs, 1.00e+15 to 1.00e+17 FLOPs.
Intervals: 95%, as far as the form is right or the table's own upper runs show how wrong it is.
N* grows as C^a with a = 0.500 (0.455 to 0.550) at the largest budget, by which forecasts go;
  over the whole range a = 0.480 (0.457 to 0.504), to quote and to compare with published ones.
Not to be quoted for a: power laws through the interpolated minima alone, each by least squares in
  linear space, where the largest budgets decide and exponents need not add up to 1.
  All 7 budgets take part.
  N*(C) = 0.03162 · C^0.5000, R² = 0.9990 over 7 budgets.
  D*(C) = 5.27 · C^0.5000, R² = 0.9980 over 7 budgets.
  L*(C) = 2 + 47.43 · C^-0.1000, over 7 budgets.
Second opinion, 'known': at 1.00e+17 FLOPs N 10.0M, L 2.946; a = 0.500 (0.455 to 0.550).
Counted as: N unknown, C 6ND, unit of L nats per token. If you know better, say so: n_params.

What each method makes of the same runs, and how far it missed upper runs when shown lower ones:

| method   | N* at 1.00e+17 | N* at 1.00e+18 | L* at 1.00e+17 | L* at 1.00e+18 | missed L* | missed N* |
|----------|----------------|----------------|----------------|----------------|-----------|-----------|
| known    | 10.0M          | 31.6M          | 2.946          | 2.752          | 0.31%     | 10.5%     |
| parabola | 12.0M          | 40.0M          | 2.950          | 2.760          |           |           |

error minimum-at-edge: The best size lies at or beyond the largest size trained at 1e+15 FLOPs.
  -> train sizes beyond N = 1e+06
warning unstable: UNSTABLE: at 10 times the largest budget N* by 'parabola' is 1.3 times that by 'known', more
  than the interval of 'known' is wide.
  -> read the interval as one method's alone; a larger budget would tell the methods apart
info compute-is-6nd: Compute is 6·N·D for every run: neither attention nor embeddings are counted apart.
  -> give counted FLOPs in a column `C` if you have them"""

FINDINGS = (
    Finding(
        code="minimum-at-edge",
        severity="error",
        message="The best size lies at or beyond the largest size trained at 1e+15 FLOPs.",
        action="train sizes beyond N = 1e+06",
    ),
    Finding(
        code="unstable",
        severity="warning",
        message="UNSTABLE: at 10 times the largest budget N* by 'parabola' is 1.3 times that by 'known', more "
        "than the interval of 'known' is wide.",
        action="read the interval as one method's alone; a larger budget would tell the methods apart",
    ),
    Finding(
        code="compute-is-6nd",
        severity="info",
        message="Compute is 6·N·D for every run: neither attention nor embeddings are counted apart.",
        action="give counted FLOPs in a column `C` if you have them",
    ),
)


def power_law(quantity, floor, scale, exponent, r_squared):
    return PowerLaw(
        quantity=quantity, floor=floor, scale=scale, exponent=exponent, r_squared=r_squared, n_budgets=7
    )


@pytest.fixture
def told(known_law):
    return replace(
        known_law,
        second=known_law.headline,
        findings=FINDINGS,
        conventions=replace(known_law.conventions, n_params="unknown", flops="6ND"),
        rivals=(
            Rival(
                name="known",
                n_params=(1e7, 3.16e7),
                loss=(2.946, 2.752),
                backtest_loss=0.0031,
                backtest_size=0.1,
                n_origins=3,
            ),
            Rival(name="parabola", n_params=(1.2e7, 4e7), loss=(2.95, 2.76)),
        ),
        power_laws=PowerLaws(
            n_params=power_law("N*", 0.0, 0.03162, 0.5, 0.999),
            n_units=power_law("D*", 0.0, 5.27, 0.5, 0.998),
            loss=power_law("L*", 2.0, 47.43, -0.1, None),
            left_out=(),
        ),
    )


def test_a_fit_reads_like_this(told):
    assert ScalingResult(told).describe() == GOLDEN


def test_a_method_without_a_best_size_is_said_to_have_none(told):
    lost = replace(told.rivals[1], n_params=(1.2e7, None), loss=(2.95, None))
    text = ScalingResult(replace(told, rivals=(told.rivals[0], lost))).describe()
    assert "| parabola | 12.0M          | none           | 2.950          | none           |" in text
    assert "\nnone: no best size within reason of the sizes trained.\n" in text


def test_a_power_law_beside_another_exponent_says_so_and_which_budgets_it_rests_on(told):
    left_out = (
        NoMinimum(flops=1e14, reason="fewer than 4 sizes"),
        NoMinimum(flops=2e14, reason="fewer than 4 sizes"),
    )
    steep = replace(
        told.power_laws,
        n_params=power_law("N*", 0.0, 1e-6, 0.7, 0.05),
        n_units=power_law("D*", 0.0, 1e5, 0.3, 0.1),
        left_out=left_out,
    )
    text = ScalingResult(replace(told, power_laws=steep)).describe()
    assert (
        "C^0.7000, R² = 0.0500 (the minima scatter widely about it) over 7 budgets. C^0.700 lies outside a above (0.457 to 0.504)."
        in text
    )
    assert ("outside 1 - a above (0.496 to 0.543)" in text) == told.points.counted_6nd
    assert "7 of 9 budgets take part; not 1e+14, 2e+14 (fewer than 4 sizes)." in text


def test_a_fit_without_rivals_or_findings_is_short(known_law):
    text = ScalingResult(known_law).describe()
    assert "What each method" not in text
    assert text.count("\n\n") == 2
    assert np.all([len(line) < 130 for line in text.splitlines()])


def test_it_is_said_which_runs_the_minima_rest_on(sweep):
    runs = sweep()
    lone = [replace(r, run_id=f"lone {r.run_id}", budget=None) for r in runs[::20]]
    law = fit_law([*runs, *lone])
    n_placing = sum(minimum.n_runs for minimum in law.minima)
    assert (
        f"The minima rest on the {n_placing} runs within about a factor 3.7 of their budget's best size;\n"
        f"  {len(runs) - n_placing} differ more from it in size and {len(lone)} belong to no budget"
    ) in ScalingResult(law).describe()


def test_a_second_count_of_parameters_is_mentioned_where_nobody_said_what_n_is(told):
    both = replace(told.points, n_params_nonembedding=0.9 * told.points.n_params)
    text = ScalingResult(replace(told, points=both)).describe()
    assert "N as given (a smaller count, without embeddings, stands beside it), C 6ND" in text
    assert "say so: n_params." in text


def test_a_parameter_on_its_bound_has_no_interval_of_one_point(sweep):
    """Losses that fall as towards one below 0 put E on 0 in every resampled fit."""
    runs = [replace(r, loss=482 * r.n_params**-0.5 + 2085 * r.n_units**-0.5 - 0.05) for r in sweep()]
    text = " ".join(ScalingResult(fit_law(runs, Chinchilla())).describe().split())
    assert "Parameters of 'chinchilla': E = 0 (on its bound), A = " in text
