import pytest

from flops_fit.quantities import Interval
from flops_fit.result import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.44, "0.44"),
        (12, "12"),
        (999.6, "1.00K"),
        (12_100, "12.1K"),
        (123_456, "123K"),
        (999_600, "1.00M"),
        (1.2345e9, "1.23B"),
        (3.4e12, "3.40T"),
        (5.6e15, "5.6e+15"),
    ],
)
def test_counts_have_three_digits_and_a_suffix(value, text):
    assert numbers.count(value) == text


def test_losses_have_four_digits_and_flops_an_exponent():
    assert numbers.loss(2.1) == "2.100"
    assert numbers.loss(0.69213) == "0.6921"
    assert numbers.loss(1203.4) == "1203"
    assert numbers.compute(1e21) == "1.00e+21"


@pytest.mark.parametrize(
    ("value", "text"), [(18, "18.0"), (167.2, "167"), (0.5, "0.500"), (12345.6, "12,346")]
)
def test_ratios_have_three_digits_and_no_exponent(value, text):
    assert numbers.ratio(value) == text


def test_intervals_are_written_out():
    assert numbers.count_range(Interval(9.5e6, 1.23e9)) == "9.50M to 1.23B"
    assert numbers.loss_range(Interval(2.1, 2.2)) == "2.100 to 2.200"


def test_absurd_ratios_stay_short():
    assert numbers.times(4.5e72) == numbers.ratio(4.5e72) == "4.5e+72"
    assert numbers.times(12_345.0) == "12,345"
