"""The standard library as text: real, offline, split by file."""

import pytest
import torch

from flops_fit.builtin.text import StdlibText, read_sources
from flops_fit.errors import DataError

SOURCE = StdlibText(length=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library of 200 modules, some of them not its own."""
    root = tmp_path_factory.mktemp("library")
    for number in range(200):
        (root / f"module_{number}.py").write_text(f"number = {number}\n")
    for place in ("site-packages", "test", "package/tests"):
        (root / place).mkdir(parents=True)
        (root / place / "other.py").write_text("SECRET = 1\n")
    (root / "_sysconfigdata_x.py").write_text("SECRET = '/home/someone'\n")
    (root / "notes.txt").write_text("SECRET\n")
    return root


def test_the_text_of_this_interpreter_is_megabytes_of_bytes():
    SOURCE.prepare()
    spec = SOURCE.spec()
    assert spec.n_classes == 256
    assert spec.n_units > 4_000_000
    assert SOURCE.windows("held_out").n_rows * SOURCE.length > 65_536


def test_every_file_is_on_one_side_of_the_split(folder):
    text = read_sources(folder)
    lines = [set(bytes(part).decode().splitlines()) for part in (text.train, text.held_out)]
    assert lines[0].isdisjoint(lines[1])
    assert lines[0] | lines[1] == {f"number = {n}" for n in range(200)}
    assert 3 <= len(lines[1]) <= 25


def test_only_the_librarys_own_sources_are_read(folder):
    text = read_sources(folder)
    assert b"SECRET" not in bytes(text.train) + bytes(text.held_out)


def test_a_new_file_moves_no_other_file_across_the_split(folder, tmp_path):
    before = set(bytes(read_sources(folder).held_out).decode().splitlines())
    for path in folder.glob("module_*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "added.py").write_text("number = -1\n")
    after = set(bytes(read_sources(tmp_path).held_out).decode().splitlines())
    assert before <= after


def test_rows_predict_the_next_byte():
    batch = SOURCE.probe_batch(4)
    assert batch["input_ids"].shape == (4, 64)
    assert batch["input_ids"][:, 1:].equal(batch["labels"][:, :-1])
    assert batch["input_ids"].dtype == torch.int64


def test_an_interpreter_without_sources_is_told_what_else_to_train_on(tmp_path):
    with pytest.raises(DataError, match="has no Python sources") as error:
        read_sources(tmp_path)
    assert error.value.code == "no-stdlib-sources"
    assert "text_files" in error.value.fix


def test_the_identity_changes_with_the_text(folder, tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    for number in range(200):
        (tmp_path / f"m{number}.py").write_text("y = 2\n")
    assert read_sources(folder).sha256 != read_sources(tmp_path).sha256
    assert SOURCE.identity()["sha256"] == StdlibText(length=128).identity()["sha256"]
    assert SOURCE.identity()["length"] == 64
