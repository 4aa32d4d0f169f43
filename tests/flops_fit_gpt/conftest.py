"""Real text for small models, on one thread."""

import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from flops_fit.builtin.text import StdlibText

sys.path.insert(0, str(Path(__file__).parent))  # test files share `umup_recipes`


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small only lose time to a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def text():
    """Return a function (n_batches, seed) -> batches of 16 rows of 64 bytes."""
    source = StdlibText(length=64)
    return lambda n_batches, seed=0: list(islice(source.train_batches(16, seed), n_batches))


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    """Train a byte-level BPE tokenizer of 300 tokens on a few words, and return its folder."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    trained = ByteLevelBPETokenizer()
    words = ["once upon a time there was a story of a cat and a dog", "aaaa bbbb cccc dddd eeee"] * 20
    trained.train_from_iterator(words, vocab_size=300, min_frequency=1, special_tokens=["<|endoftext|>"])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, eos_token="<|endoftext|>")
    wrapped.save_pretrained(folder)
    return folder
