"""What a law may be asked."""

import numpy as np
import pytest

from flops_fit.errors import FitError
from flops_fit.result import ScalingResult
from flops_fit.result.question import check_positive


@pytest.mark.parametrize(
    ("given", "problem", "fix"),
    [
        ({"flops": "1e9"}, "found the text '1e9'", "give a number: flops=1000000000"),
        ({"n_units": "2B"}, "found the text '2B'", "give a number: n_units=2000000000"),
        ({"n_params": "big"}, "found the text 'big'", "give a number: n_params=1e8"),
        ({"loss": {}}, "found several: {}", "ask for one at a time, e.g. loss=2.5"),
        (
            {"flops": [1e9, 1e10]},
            "found several: [1000000000.0, 10000000000.0]",
            (
                "ask for one at a time, e.g. flops=1e18; several budgets make a table: "
                "result.chinchilla_table([1e18, 1e19])"
            ),
        ),
    ],
)
def test_what_is_not_one_number_is_told_by_what_it_is(known_law, given, problem, fix):
    with pytest.raises(FitError) as caught:
        ScalingResult(known_law).predict(**given)
    assert (caught.value.code, caught.value.fix) == ("bad-query", fix)
    assert caught.value.problem == f"{next(iter(given))} must be one number; {problem}."


@pytest.mark.parametrize("number", [np.int64(10**16), np.float32(1e16), 10**16])
def test_numbers_of_numpy_are_numbers(known_law, number):
    assert ScalingResult(known_law).predict(number).flops == pytest.approx(1e16)


def test_numbers_that_nobody_means_are_refused():
    with pytest.raises(FitError, match="must be a positive number up to 1e\\+40; found -1"):
        check_positive(flops=-1)
