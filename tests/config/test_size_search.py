"""Integers are tried as sizes only as far as they can be of use."""

from flops_fit.config.size_search import MOST_REFUSALS, SMALL, search_sizes


def test_a_size_that_doubles_with_its_integer_is_not_tried_beyond_what_is_asked_for():
    tried = []

    def count(value):
        tried.append(value)
        return 10 * 2**value if value < 60 else 0  # nobody can build more

    assert search_sizes(count, 1e3, 1e5) == [7, 8, 9, 10, 11, 12, 13]
    assert max(tried) <= SMALL


def test_a_class_that_refuses_all_larger_integers_is_left_after_a_few():
    refused = []

    def count(value):
        if value > SMALL:
            refused.append(value)
            return 0
        return value**2

    assert search_sizes(count, 1, 1e9)[-1] <= SMALL
    assert len(set(refused)) == MOST_REFUSALS


def test_classes_that_take_multiples_only_are_followed_upwards():
    sizes = search_sizes(lambda value: value**2 if value % 48 == 0 else 0, 1, 1e8)
    assert sizes[0] == 48
    assert sizes[-1] > 8000
