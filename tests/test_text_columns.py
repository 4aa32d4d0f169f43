"""Text that fits a terminal."""

import pytest

from flops_fit.text_columns import some


@pytest.mark.parametrize(
    ("n_items", "named"),
    [(0, ""), (2, "0; 1"), (3, "0; 1; 2"), (4, "0; 1; 2; 3"), (5, "0; 1; 2 and 2 more")],
)
def test_the_first_few_are_named_and_never_just_one_is_hidden(n_items, named):
    assert some([str(i) for i in range(n_items)], 3, between="; ") == named
