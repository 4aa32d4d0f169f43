from dataclasses import replace

import numpy as np
import pytest

from flops_fit.fit.findings.counting import about_counting
from flops_fit.fit.points import points_of


def told(runs):
    return {finding.code: finding for finding in about_counting(points_of(runs))}


def with_embeddings(runs, factor):
    """Give each model embeddings that grow as N^(1/3), as vocabulary times width does."""
    for r in runs:
        embeddings = factor * r.n_params ** (1 / 3)
        yield replace(r, n_params_nonembedding=r.n_params - embeddings)


def test_small_models_are_told_what_the_count_of_embeddings_does(clean):
    finding = told(list(with_embeddings(clean, 12_000)))["counting-matters"]
    assert finding.severity == "warning"
    assert finding.message.startswith("With N without embeddings the exponent of N* changes by +0.")
    assert ", N* (all parameters counted both times) by " in finding.message
    assert finding.value > finding.threshold == 0.02


def test_a_large_share_of_embeddings_that_changes_little_is_mentioned_only(clean):
    runs = [replace(r, n_params_nonembedding=0.7 * r.n_params**1.005) for r in clean]
    finding = told(runs)["counting-matters"]
    assert finding.severity == "info"
    assert finding.value == pytest.approx(0, abs=finding.threshold)


def test_a_change_that_is_printed_as_none_is_not_mentioned(clean):
    runs = [replace(r, n_params_nonembedding=0.7 * r.n_params) for r in clean]
    assert "counting-matters" not in told(runs)
    costly = [replace(r, flops=r.flops * (1 + np.sqrt(3e6 / r.n_params))) for r in runs]
    assert told(costly)["counting-matters"].message.startswith("With C = 6·N·D")


def test_without_embeddings_worth_counting_nothing_is_said(clean):
    assert "counting-matters" not in told(list(with_embeddings(clean, 10)))


def test_counted_flops_that_differ_from_6nd_move_the_answer(clean):
    """What is not 6·N·D doubles the cost of the smallest models."""
    runs = [replace(r, flops=r.flops * (1 + np.sqrt(3e6 / r.n_params))) for r in clean]
    assert "With C = 6·N·D" in told(runs)["counting-matters"].message
