"""`tinystories` reads the dataset's own file layouts, and says what to do where there is no network."""

import numpy as np
import pyarrow as pa
import pytest
from huggingface_hub import constants
from pyarrow import parquet
from transformers import AutoTokenizer

from flops_fit.errors import DataError
from flops_fit_gpt.tinystories import TinyStories

STORIES = [
    f"Story {i}: once upon a time\n\nthere was a {word}." for i, word in enumerate(("cat", "dog", "tree"))
]
HELD_OUT = ["Held out: the end of another story."]


@pytest.fixture
def read(tmp_path):
    return lambda **options: TinyStories(
        **{"cache_dir": tmp_path / "cache", "length": 4, "tokenizer": None} | options
    )


@pytest.fixture
def parquet_copy(tmp_path):
    folder = tmp_path / "copy" / "data"
    folder.mkdir(parents=True)
    for name, stories in {"train-0": STORIES[:2], "train-1": STORIES[2:], "validation-0": HELD_OUT}.items():
        parquet.write_table(pa.table({"text": stories}), folder / f"{name}.parquet")
    return tmp_path / "copy"


@pytest.fixture
def text_copy(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, stories in {"TinyStories-train": STORIES, "TinyStories-valid": HELD_OUT}.items():
        (folder / f"{name}.txt").write_text("".join(f"{story}\n<|endoftext|>\n" for story in stories))
    return folder


def encoded(source, split):
    (folder,) = source.cache_dir.glob("tinystories-*")
    return (folder / f"{split}.bin").read_bytes()


@pytest.mark.parametrize("copy", ["parquet_copy", "text_copy"])
def test_a_local_copy_gives_every_story_once(copy, read, request):
    source = read(path=request.getfixturevalue(copy))
    assert source.spec().n_units == 4 * ((len("\0".join(STORIES))) // 4)
    assert encoded(source, "train").decode() == "".join(f"{story}\0" for story in STORIES)
    assert encoded(source, "held_out").decode() == "".join(f"{story}\0" for story in HELD_OUT)


def test_max_stories_limits_training_text_only(parquet_copy, read):
    source = read(path=parquet_copy, max_stories=1)
    source.prepare()
    assert encoded(source, "train").decode() == f"{STORIES[0]}\0"
    assert encoded(source, "held_out").decode() == f"{HELD_OUT[0]}\0"


def test_a_tokenizer_ends_each_story_with_its_own_mark(parquet_copy, read, tokenizer):
    source = read(path=parquet_copy, tokenizer=str(tokenizer))
    source.prepare()
    ids = np.frombuffer(encoded(source, "train"), np.uint16)
    hugging_face = AutoTokenizer.from_pretrained(tokenizer)
    assert source.vocabulary_size() == 300
    assert hugging_face.decode(ids) == "".join(f"{story}<|endoftext|>" for story in STORIES)
    assert (ids == hugging_face.eos_token_id).sum() == len(STORIES)


@pytest.fixture
def offline(monkeypatch):
    """The switch that HF_HUB_OFFLINE=1 sets when the process starts."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("offline")
def test_without_a_network_one_error_says_how_to_use_local_files(read):
    with pytest.raises(DataError, match="cannot be read from roneneldan/TinyStories") as caught:
        read().prepare()
    assert caught.value.code == "no-dataset"
    assert "set `data.path` to it" in caught.value.fix


@pytest.mark.usefixtures("offline")
def test_without_a_network_an_unknown_tokenizer_is_one_error(parquet_copy, read):
    with pytest.raises(DataError, match="The tokenizer 'no/such-tokenizer' cannot be loaded") as caught:
        read(path=parquet_copy, tokenizer="no/such-tokenizer").prepare()
    assert caught.value.code == "no-tokenizer"


def test_a_local_copy_without_held_out_stories_is_refused(parquet_copy, read):
    (parquet_copy / "data" / "validation-0.parquet").unlink()
    with pytest.raises(DataError, match=r"no Parquet or \.txt file for the held_out split"):
        read(path=parquet_copy).prepare()


def test_a_damaged_file_is_named(parquet_copy, read):
    (parquet_copy / "data" / "train-0.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"TinyStories cannot be read from .*copy"):
        read(path=parquet_copy).prepare()
