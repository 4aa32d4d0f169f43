"""The synthetic language is a function of its seeds, and its entropy is what its closed form says."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.builtin.synthetic import ROWS_AT_ONCE, Language, SyntheticLanguage, _language
from flops_fit.config import load_spec
from flops_fit.errors import SpecError

SMALL = SyntheticLanguage(vocabulary=8, length=6, lags=(1, 3), eval_rows=300)


def rows(batches, n):
    """Put inputs and labels of `n` batches back together, shape (rows, length + 1)."""
    taken = list(islice(batches, n))
    return torch.cat([torch.cat([b["input_ids"], b["labels"][:, -1:]], dim=1) for b in taken])


def test_labels_are_the_tokens_that_follow():
    batch = SMALL.probe_batch(4)
    assert batch["input_ids"].shape == batch["labels"].shape == (4, 6)
    assert batch["input_ids"].dtype == batch["labels"].dtype == torch.int64
    assert torch.equal(batch["input_ids"][:, 1:], batch["labels"][:, :-1])


@settings(max_examples=10, deadline=None)
@given(
    st.integers(1, 700), st.integers(0, 3), st.integers(0, 5), st.sampled_from([SMALL, SyntheticLanguage()])
)
def test_skipping_steps_gives_the_tail_of_a_stream(batch_size, start_step, seed, source):
    whole = rows(source.train_batches(batch_size, seed), start_step + 2)
    tail = rows(source.train_batches(batch_size, seed, start_step), 2)
    assert torch.equal(whole[start_step * batch_size :], tail)


def test_rows_do_not_depend_on_the_batch_size():
    assert torch.equal(rows(SMALL.train_batches(30, 1), 4), rows(SMALL.train_batches(40, 1), 3))


def test_skipping_a_billion_steps_draws_next_to_nothing():
    assert rows(SMALL.train_batches(7, 0, start_step=10**9), 1).shape == (7, 7)


def test_seeds_streams_and_languages_differ():
    n = ROWS_AT_ONCE
    long = SyntheticLanguage(length=40, eval_rows=n)
    held_out = rows(long.eval_batches(n), 1)
    train = [rows(long.train_batches(n, seed), 2) for seed in range(2)]
    other = rows(long.model_copy(update={"language_seed": 1}).train_batches(n, 0), 2)
    seen = [{tuple(row) for row in part.tolist()} for part in (held_out, *train, other)]
    assert sum(map(len, seen)) == len(set.union(*seen)) == n + 3 * 2 * n


def test_the_held_out_set_has_its_size_whatever_the_batch():
    whole, parts = (rows(SMALL.eval_batches(size), None) for size in (1000, 128))
    assert whole.shape == (300, 7)
    assert torch.equal(whole, parts)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(0, 6), st.floats(0, 5), st.integers(0, 100))
def test_conditionals_are_distributions(vocabulary, n_before, strength, seed):
    source = SyntheticLanguage(vocabulary=vocabulary, strength=strength, language_seed=seed)
    before = np.random.default_rng(seed).integers(0, vocabulary, size=(5, n_before))
    p = _language(source).conditional(before)
    assert p.shape == (5, vocabulary)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()


def test_only_tokens_at_the_lags_matter():
    language, before = _language(SMALL), np.array([[0, 1, 2, 3], [0, 1, 5, 3], [0, 6, 2, 3]])
    first, other_at_2, other_at_3 = language.conditional(before)
    np.testing.assert_array_equal(first, other_at_2)
    assert np.abs(first - other_at_3).max() > 1e-3


def test_tokens_appear_as_often_as_their_conditionals_say():
    """A goodness-of-fit test with a known answer: counts of the next token after a given one."""
    source = SyntheticLanguage(vocabulary=6, length=1, lags=(1,), strength=1.0)
    drawn = rows(source.train_batches(2000, 0), 20).numpy()
    for token in range(6):
        after = drawn[drawn[:, 0] == token, 1]
        expected = len(after) * _language(source).conditional(np.array([[token]]))[0]
        squares = (np.bincount(after, minlength=6) - expected) ** 2 / expected
        assert squares.sum() < 25  # of chi-squared with 5 degrees of freedom; chance 1e-4


def test_without_context_the_floor_is_the_entropy_of_the_zipf_law():
    source = SyntheticLanguage(vocabulary=5, length=50, strength=0.0, zipf=1.0, eval_rows=4000)
    p = np.arange(1, 6) ** -1.0 / np.sum(np.arange(1, 6) ** -1.0)
    surprise = -np.log(p)
    sd = np.sqrt(p @ surprise**2 - (p @ surprise) ** 2) / np.sqrt(50 * 4000)
    assert source.bayes_loss() == pytest.approx(p @ surprise, abs=5 * sd)


def test_the_floor_is_the_loss_of_the_true_conditionals_and_of_nothing_better():
    """Perfect logits, by the torch loss that models are judged by; a tempered copy of them loses more."""
    batch = next(SMALL.eval_batches(300))
    tokens = torch.cat([batch["input_ids"], batch["labels"][:, -1:]], dim=1).numpy()
    language = _language(SMALL)
    logits = torch.from_numpy(np.stack([np.log(language.conditional(tokens[:, :t])) for t in range(1, 7)], 1))
    exact, softer = (
        torch.nn.functional.cross_entropy((scale * logits).flatten(0, 1), batch["labels"].flatten())
        for scale in (1.0, 0.5)
    )
    assert SMALL.bayes_loss() == pytest.approx(float(exact), rel=1e-12)
    assert softer > exact


def test_the_floor_agrees_with_the_expected_entropy_of_the_conditionals():
    """The held-out tokens' -ln p and the entropies of the same conditionals have one expectation."""
    source = SyntheticLanguage(vocabulary=16, length=16, eval_rows=4000)
    tokens = rows(source.eval_batches(4000), 1).numpy()
    p = [_language(source).conditional(tokens[:, :t]) for t in range(1, 17)]
    entropy = np.mean([-np.sum(each * np.log(each), axis=1) for each in p])
    assert source.bayes_loss() == pytest.approx(entropy, abs=0.015)


def test_strength_is_the_scatter_that_context_adds_to_logits():
    source = SyntheticLanguage(vocabulary=256, strength=1.5)
    language: Language = _language(source)
    variance = sum(float(table.var()) for table in language.tables.values())
    assert np.sqrt(variance) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("lags", [[0, 1], [1, 1], [-2]])
def test_lags_that_are_none_are_refused(lags):
    with pytest.raises(SpecError, match="lags are different integers, all at least 1"):
        load_spec({"model": "gpt", "data": {"kind": "synthetic_language", "lags": lags}, "budgets": [1e9]})
