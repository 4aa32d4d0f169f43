"""Token rows: shifted labels, whole epochs, resumable order, a fixed held-out set."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flops_fit.errors import DataError
from flops_fit.token_data import TokenWindows


def windows(n_tokens=101, length=10):
    return TokenWindows(np.arange(n_tokens, dtype=np.uint16), length, source="test text")


def starts(batches):
    return [int(row[0]) for batch in batches for row in batch["input_ids"]]


def test_labels_are_the_next_tokens():
    batch = next(windows().shuffled_batches(4, seed=0))
    assert torch.equal(batch["labels"], batch["input_ids"] + 1)  # the text counts upwards
    assert batch["input_ids"].dtype == batch["labels"].dtype == torch.int64
    assert batch["input_ids"].shape == (4, 10)


@given(
    n_tokens=st.integers(2, 300),
    length=st.integers(1, 20),
    batch_size=st.integers(1, 50),
    seed=st.integers(0, 99),
)
def test_every_epoch_visits_every_row_once(n_tokens, length, batch_size, seed):
    if n_tokens <= length:
        return
    rows = windows(n_tokens, length)
    epochs = 3
    seen = starts(islice(rows.shuffled_batches(batch_size, seed), -(-epochs * rows.n_rows // batch_size)))
    for epoch in range(epochs):
        of_epoch = seen[epoch * rows.n_rows : (epoch + 1) * rows.n_rows]
        assert sorted(of_epoch) == list(range(0, rows.n_rows * length, length))


@given(batch_size=st.integers(1, 25), start_step=st.integers(0, 30))
def test_starting_later_gives_the_tail_of_the_same_order(batch_size, start_step):
    whole = windows().shuffled_batches(batch_size, seed=5)
    tail = windows().shuffled_batches(batch_size, seed=5, start_step=start_step)
    assert starts(islice(whole, start_step, start_step + 4)) == starts(islice(tail, 4))


def test_epochs_and_seeds_differ_in_order():
    rows = windows(2001)
    first, second = (
        starts(islice(rows.shuffled_batches(200, seed=1), 1)),
        starts(islice(rows.shuffled_batches(200, seed=1, start_step=1), 1)),
    )
    assert first != second != starts(islice(rows.shuffled_batches(200, seed=2), 1))


def test_the_held_out_set_is_spread_evenly_and_ends_with_a_short_batch():
    batches = list(windows(1001).spread_batches(4, n_rows=10))
    assert [len(batch["labels"]) for batch in batches] == [4, 4, 2]
    assert starts(batches) == list(range(0, 1000, 100))


def test_a_held_out_set_shorter_than_asked_is_used_whole():
    assert starts(windows().spread_batches(4, n_rows=99)) == list(range(0, 100, 10))


@pytest.mark.parametrize("n_tokens", [0, 1, 10])
def test_less_than_one_row_is_refused(n_tokens):
    with pytest.raises(
        DataError, match=f"test text: found {n_tokens} tokens, one row of `length: 10` needs 11"
    ):
        windows(n_tokens)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_rows_gathered_on_a_device_are_those_gathered_by_the_cpu(dtype):
    """Bit for bit and in the same order, the ids that a signed type cannot hold among them."""
    top = int(min(np.iinfo(dtype).max, 2**40))
    ids = np.random.default_rng(0).integers(0, top, 2001, dtype=dtype, endpoint=True)
    ids[:5] = top
    here = TokenWindows(ids, 10, source="test text")
    there = here.on(torch.device("cpu"))
    for batches in (
        lambda rows: islice(rows.shuffled_batches(32, seed=3, start_step=2), 20),
        lambda rows: rows.spread_batches(32, n_rows=99),
    ):
        for a, b in zip(batches(here), batches(there), strict=True):
            assert all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)
