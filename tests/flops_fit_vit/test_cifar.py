"""The CIFAR archives as published, from a local root: read, split, repeated, varied, and named when amiss."""

import pickle
import shutil
from itertools import islice

import pytest
import torch

from flops_fit.errors import DataError
from flops_fit_vit.cifar import CIFAR10, CIFAR100


@pytest.fixture
def data(cifar10):
    source = CIFAR10(root=cifar10, verify=False)
    source.prepare()
    return source


def bright(batch):
    return batch["pixel_values"].flatten(1).mean(1)


def equal(first, second):
    return all(first[name].equal(second[name]) for name in ("pixel_values", "labels"))


def test_an_unpacked_archive_is_read_as_images_of_unit_scale(data):
    spec = data.spec()
    assert (spec.unit, spec.n_units, spec.n_classes, spec.sample_shape) == ("image", 300, 10, (3, 32, 32))
    batch = data.probe_batch(200)
    assert batch["pixel_values"].dtype == torch.float32
    assert -2 <= batch["pixel_values"].min() < batch["pixel_values"].max() <= 2
    order = torch.stack([batch["labels"].float(), bright(batch)])
    assert torch.corrcoef(order)[0, 1] > 0.99, "labels belong to their images"


def test_cifar100_has_its_fine_labels(cifar100):
    source = CIFAR100(root=cifar100, verify=False)
    source.prepare()
    (held_out,) = source.eval_batches(100)
    assert (source.spec().n_units, source.spec().n_classes) == (200, 100)
    assert held_out["labels"].unique().tolist() == list(range(100))


def test_an_epoch_visits_every_image_once_and_the_next_in_another_order(data):
    batches = islice(data.train_batches(100, seed=3), 6)
    images = torch.cat([batch["pixel_values"] for batch in batches]).flatten(1)
    epochs = images.split(300)
    assert [len(epoch.unique(dim=0)) for epoch in epochs] == [300, 300]
    assert not epochs[0].equal(epochs[1])
    assert len(images.unique(dim=0)) == 300


@pytest.mark.parametrize("augment", [(), ("crop", "flip"), ("trivial_augment",)])
def test_a_later_start_skips_exactly_also_across_epochs(data, augment):
    source = data.model_copy(update={"augment": augment})
    whole = list(islice(source.train_batches(70, seed=1), 7))
    assert all(map(equal, whole[5:], source.train_batches(70, seed=1, start_step=5)))


def test_augmented_images_differ_between_epochs_and_leave_the_generator_alone(data):
    source = data.model_copy(update={"augment": ("crop", "flip")})
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    images = torch.cat([batch["pixel_values"] for batch in islice(source.train_batches(300, seed=0), 2)])
    assert torch.rand(3).equal(expected)
    assert len(images.flatten(1).unique(dim=0)) > 550
    (varied,) = source.eval_batches(50)
    (plain,) = data.eval_batches(50)
    assert equal(varied, plain)


def test_part_of_the_held_out_images_is_spread_over_all(data):
    (whole,) = data.eval_batches(50)
    part = list(data.model_copy(update={"eval_images": 10}).eval_batches(4))
    assert [len(batch["labels"]) for batch in part] == [4, 4, 2]
    assert torch.cat([batch["labels"] for batch in part]).equal(whole["labels"][::5])


def test_a_packed_archive_is_unpacked(packed_cifar10):
    source = CIFAR10(root=packed_cifar10, verify=False)
    source.prepare()
    assert source.spec().n_units == 50


def test_a_run_depends_on_the_images_and_not_on_where_they_are(data, packed_cifar10, cifar10, tmp_path):
    (tmp_path / "copy").symlink_to(cifar10)
    assert CIFAR10(root=tmp_path / "copy", verify=False).identity() == data.identity()
    other = CIFAR10(root=packed_cifar10, verify=False)
    other.prepare()
    assert other.identity() != data.identity()


def test_files_that_were_not_published_are_refused_unless_that_is_meant(cifar10, packed_cifar10):
    for root in (cifar10, packed_cifar10):
        with pytest.raises(DataError, match=r"(?s)its checksum is another.*verify: false") as error:
            CIFAR10(root=root).prepare()
        assert error.value.code == "archive-damaged"


def test_files_in_another_format_are_refused(cifar10, tmp_path):
    """With keys of bytes, as `pickle` gives them where the archive is read without an encoding."""
    shutil.copytree(cifar10, tmp_path, dirs_exist_ok=True)
    (batch,) = tmp_path.rglob("data_batch_3")
    batch.write_bytes(pickle.dumps({b"data": [], b"labels": []}))
    with pytest.raises(DataError, match=r"not in the format of CIFAR10: KeyError: 'data'") as refused:
        CIFAR10(root=tmp_path, verify=False).prepare()
    assert refused.value.code == "archive-damaged"


def test_a_missing_archive_or_file_is_named(tmp_path, packed_cifar10):
    with pytest.raises(DataError, match="no cifar-100-python") as error:
        CIFAR100(root=tmp_path).prepare()
    assert error.value.code == "no-archive"
    source = CIFAR10(root=packed_cifar10, verify=False)
    source.prepare()
    (packed_cifar10 / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(DataError, match=r"There is no .*data_batch_3") as error:
        CIFAR10(root=packed_cifar10 / ".." / "root", verify=False).prepare()
    assert error.value.code == "no-archive"
