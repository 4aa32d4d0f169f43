from dataclasses import replace

from flops_fit.result import ScalingResult

# ruff: noqa: E501

GOOD = """\
| C (FLOPs) | N     | N, 95%         | N as good      | D (tokens) | D, 95%         | D/N | L     | L, 95%         | notes |
|-----------|-------|----------------|----------------|------------|----------------|-----|-------|----------------|-------|
| 1.00e+16  | 3.16M | 2.64M to 3.79M | 1.78M to 5.62M | 527M       | 439M to 632M   | 167 | 3.191 | 3.160 to 3.223 |       |
| 1.00e+18  | 31.6M | 22.0M to 45.5M | 17.8M to 56.2M | 5.27B      | 3.66B to 7.59B | 167 | 2.752 | 2.725 to 2.779 | [1]   |

L in nats per token. 95%: intervals. N as good: sizes whose loss is within 1.00% of the least, by which single runs scatter.
[1] Extrapolated: 10 times the largest budget trained."""

BAD = """\
SIMULATED losses: nothing here was trained.
UNRELIABLE: The best size lies beyond the sizes trained.

| C (FLOPs) | N     | N, 95%         | N as good      | D (tokens) | D, 95%        | D/N | L     | L, 95%         | notes           |
|-----------|-------|----------------|----------------|------------|---------------|-----|-------|----------------|-----------------|
| 1.00e+16  | 3.16M | 2.64M to 3.79M | 1.78M to 5.62M | 527M       | 439M to 632M  | 167 | 3.191 | 3.160 to 3.223 |                 |
| 1.00e+21  | 1.00B | 402M to 2.49B  | 563M to 1.78B  | 167B       | 67.0B to 415B | 167 | 2.377 | 2.353 to 2.401 | [1] [2] [3] [4] |

L in nats per token. 95%: intervals. N as good: sizes whose loss is within 1.00% of the least, by which single runs scatter.
[1] NOT SUPPORTED: 10,000 times the largest budget trained; nothing in these runs bears on it.
[2] N* is 9.68 times the largest model trained (103M).
[3] D* is 16.1 times the most data trained on (10.3B).
[4] N* is known only within a factor 6.19.
All rows: 4 budgets are few."""


def test_a_good_table_reads_like_this(known_law):
    assert ScalingResult(known_law).chinchilla_table([1e16, 1e18]) == GOOD


def test_a_bad_table_says_so_above_and_below(bad_law):
    assert ScalingResult(bad_law).chinchilla_table([1e16, 1e21]) == BAD


def test_notes_that_differ_in_a_number_only_are_one_footnote_that_names_the_range(known_law):
    table = ScalingResult(known_law).chinchilla_table([2e17, 5e17, 1e18])
    assert table.endswith("\n[1] Extrapolated: 2 to 10 times the largest budget trained.")
    assert [line.count("[1]") for line in table.splitlines()] == [0, 0, 1, 1, 1, 0, 0, 1]


def test_a_unit_of_data_too_long_for_a_heading_stands_beneath_the_table(known_law):
    patches = ScalingResult(replace(known_law, unit="image fragment")).chinchilla_table([1e17])
    assert "\nD in image fragments. L in nats per token." in patches
    assert "D in " not in ScalingResult(known_law).chinchilla_table([1e17])
