"""`text_files` reads any folder: every byte once, the same split everywhere, or one clear error."""

import os
import shutil
from itertools import islice

import numpy as np
import pytest

from flops_fit.errors import DataError
from flops_fit_gpt.text_files import TextFiles


@pytest.fixture
def folder(tmp_path):
    """Forty files of a hundred to five hundred letters, in two folders."""
    for i in range(40):
        path = tmp_path / "corpus" / ("a" if i % 2 else "b") / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{i:03d}:" + chr(97 + i % 26) * (100 + 10 * i))
    return tmp_path / "corpus"


@pytest.fixture
def read(tmp_path):
    """Open a source whose cache is the test's own."""
    return lambda path, **options: TextFiles(path=path, cache_dir=tmp_path / "cache", length=16, **options)


def ids(source, split):
    """All whole rows of a split, end to end."""
    windows = source.windows(split)
    rows = windows.batch(np.arange(windows.n_rows))["input_ids"]
    return bytes(rows.reshape(-1).tolist())


def test_bytes_are_split_into_training_and_held_out_text(folder, read):
    source = read(folder, held_out=0.25)
    train, held_out = ids(source, "train"), ids(source, "held_out")
    assert source.spec().n_classes == 256
    assert source.spec().n_units == len(train)
    total = sum(path.stat().st_size for path in folder.rglob("*.txt"))
    assert len(held_out) / total == pytest.approx(0.25, abs=0.02)
    shared = set(train.split(b"\0")) & set(held_out.split(b"\0"))
    assert not {text for text in shared if len(text) > 16}


def test_the_split_depends_on_content_not_on_names_or_place(folder, read, tmp_path):
    original = read(folder)
    for path in folder.rglob("*.txt"):
        (tmp_path / "flat").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "flat" / f"renamed-{path.stem}.txt")
    moved = read(tmp_path / "flat")
    assert ids(moved, "train") == ids(original, "train")
    assert moved.identity() == original.identity()


def test_copies_of_a_file_count_once(folder, read):
    before = read(folder).identity()
    shutil.copy(folder / "a" / "1.txt", folder / "b" / "copy.txt")
    assert read(folder).identity() == before


def test_one_long_file_is_divided(tmp_path, read):
    (tmp_path / "one").mkdir()
    text = "".join(f"{i} " for i in range(2000))
    (tmp_path / "one" / "book.txt").write_text(text)
    source = read(tmp_path / "one", held_out=0.1)
    train, held_out = ids(source, "train"), ids(source, "held_out")
    assert text.encode().startswith(train)
    assert held_out in text.encode()[len(train) :]
    assert len(held_out) == pytest.approx(0.1 * len(text), abs=32)


def test_a_changed_file_is_encoded_anew(folder, read):
    before = read(folder).identity()
    (folder / "a" / "1.txt").write_text("changed " * 30)
    assert read(folder).identity() != before


def test_encoding_happens_once(folder, read, tmp_path):
    source = read(folder)
    source.prepare()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
    read(folder).prepare()
    next(source.train_batches(2, seed=0))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")} == made


def test_an_interrupted_encoding_leaves_nothing_behind(folder, read, tmp_path, monkeypatch):
    def interrupt(_self, _split):
        yield b"half a text"
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TextFiles, "documents", interrupt)
        with pytest.raises(KeyboardInterrupt):
            read(folder).prepare()
    assert list((tmp_path / "cache").iterdir()) == []
    read(folder).prepare()


def test_training_order_is_that_of_the_seed(folder, read):
    first, again, other = (list(islice(read(folder).train_batches(4, seed), 3)) for seed in (1, 1, 2))
    assert all((a["input_ids"] == b["input_ids"]).all() for a, b in zip(first, again, strict=True))
    assert any((a["input_ids"] != b["input_ids"]).any() for a, b in zip(first, other, strict=True))


def test_a_tokenizer_replaces_bytes(folder, read, tokenizer):
    source = read(folder, tokenizer=str(tokenizer))
    assert source.spec().n_classes == source.vocabulary_size() == 300
    assert source.spec().n_units < read(folder).spec().n_units  # some tokens are longer than a byte


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("nowhere", {}, "There is no folder .*nowhere"),
        ("empty", {}, "matches '\\*\\*/\\*.txt'; the folder holds nothing"),
        ("corpus", {"pattern": "**/*.md"}, "the folder holds 40 .txt"),
        ("blank", {}, "No text in"),
        ("short", {}, "text_files, train split: found 6 tokens, one row of `length: 16` needs 17"),
    ],
)
def test_a_folder_without_enough_text_is_one_clear_error(folder, read, tmp_path, path, options, message):
    (tmp_path / "empty").mkdir()
    for name, text in {"blank": "", "short": "seven"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "only.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / path, **options).spec()


def test_its_example_is_ready_to_use():
    (example,) = TextFiles.examples()
    assert example.probe_batch(2)["input_ids"].shape == (2, 16)


@pytest.mark.skipif(os.name == "nt", reason="HOME is not where Windows looks")
def test_a_tilde_means_home(folder, read, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert read("~/corpus").spec() == read(folder).spec()
