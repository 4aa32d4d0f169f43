"""States in files: what is read is what was written, or nothing."""

import json
from dataclasses import replace

import pytest
import torch

from flops_fit.engine.checkpoint import Folder
from flops_fit.engine.in_flight import forget
from flops_fit.engine.reproducible import Generators
from flops_fit.engine.state import State
from flops_fit.errors import StoreError

TENSORS = {
    "loss_sum": torch.tensor(1 / 3),
    "model.weight": torch.randn(3, 5).T,
    "model.half": torch.randn(4).bfloat16(),
    "model.seen": torch.tensor(7),
    "model.mask": torch.tensor([True, False]),
    "optimizer.0.exp_avg": torch.full((2,), 1e-40),
}


@pytest.fixture
def state():
    return State(
        run_id="run",
        n_units_taken=12,
        wall_s=1 / 3,
        step=10,
        n_units=160,
        tensors=TENSORS,
        generators=Generators.now(),
    )


@pytest.fixture
def folder(tmp_path):
    return Folder(directory=tmp_path / "checkpoints" / "abc", trunk="abc", rank=0)


def test_what_is_read_is_what_was_written(folder, state):
    folder.save("trunk", state)
    read = folder.load("trunk")
    assert replace(read, tensors={}, generators=None) == replace(state, tensors={}, generators=None)
    assert read.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(read.tensors[name], tensor)
        assert read.tensors[name].dtype == tensor.dtype
    assert torch.equal(read.generators.cpu, state.generators.cpu)
    assert (read.generators.numpy, read.generators.python) == (
        state.generators.numpy,
        state.generators.python,
    )


def test_generators_that_were_read_draw_what_the_others_would(folder, state):
    folder.save("trunk", state)
    state.generators.put_back()
    expected = torch.rand(5)
    folder.load("trunk").generators.put_back()
    assert torch.equal(torch.rand(5), expected)


def test_a_new_state_replaces_the_old_one_and_leaves_nothing_else(folder, state):
    folder.save("trunk", state)
    folder.save("trunk", replace(state, step=11))
    assert folder.load("trunk").step == 11
    assert [path.name for path in folder.directory.iterdir()] == ["trunk-0.safetensors"]


def test_where_nothing_was_saved_there_is_nothing_and_no_complaint(folder, caplog):
    assert folder.load("cooldown") is None
    assert caplog.text == ""


@pytest.mark.parametrize("keep", [0, 5, 0.5, -1], ids=["empty", "no header", "half", "last byte lost"])
def test_a_damaged_file_is_told_in_one_line_and_not_used(folder, state, caplog, keep):
    folder.save("trunk", state)
    path = folder.directory / "trunk-0.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: round(keep * len(content)) if isinstance(keep, float) else keep])
    assert folder.load("trunk") is None
    (message,) = [record.getMessage() for record in caplog.records]
    assert "cannot be used" in message
    assert "its steps are taken again" in message
    assert "\n" not in message


def test_a_file_of_another_trunk_or_release_is_not_used(folder, state, caplog, monkeypatch):
    folder.save("trunk", state)
    assert replace(folder, trunk="xyz").load("trunk") is None
    monkeypatch.setattr("flops_fit.engine.checkpoint.FORMAT", 99)
    assert folder.load("trunk") is None
    assert caplog.text.count("of another trunk or another release") == 2


def test_a_file_that_someone_else_wrote_is_not_used(folder, caplog):
    from safetensors.torch import save_file

    folder.directory.mkdir(parents=True)
    save_file(
        {"a": torch.zeros(1)},
        folder.directory / "trunk-0.safetensors",
        metadata={"flops-fit": json.dumps({})},
    )
    save_file({"a": torch.zeros(1)}, folder.directory / "cooldown-0.safetensors")
    assert folder.load("trunk") is folder.load("cooldown") is None
    assert caplog.text.count("cannot be used") == 2


def test_a_directory_that_cannot_be_written_is_one_clear_error(folder, state):
    folder.directory.parent.touch()
    with pytest.raises(
        StoreError, match=r"A checkpoint cannot be written to .*\n  fix: free some space"
    ) as error:
        folder.save("trunk", state)
    assert error.value.code == "checkpoint-not-written"


def test_a_full_disk_leaves_the_old_state_and_no_rubbish(folder, state, monkeypatch):
    folder.save("trunk", state)

    def full(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flops_fit.engine.checkpoint.save_file", full)
    with pytest.raises(StoreError, match="No space left on device"):
        folder.save("trunk", replace(state, step=11))
    assert folder.load("trunk").step == 10
    assert [path.name for path in folder.directory.iterdir()] == ["trunk-0.safetensors"]


def test_a_trunk_that_is_done_is_forgotten(folder, state):
    folder.save("trunk", state)
    forget(folder.directory)
    assert not folder.directory.exists()
    forget(folder.directory)
