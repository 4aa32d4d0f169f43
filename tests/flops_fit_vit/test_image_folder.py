"""Folders of images, divided by their own folders or by a seed."""

import pytest
import torch

from flops_fit.errors import DataError
from flops_fit_vit.image_folder import ImageFolder


def numbers(batches):
    """Read back which image of which class each one is."""
    pixels = torch.cat([batch["pixel_values"] for batch in batches])
    colours = ((pixels[:, :, 4, 4] * 0.25 + 0.5) * 255).round().int().tolist()
    return [(red // 80, green) for red, green, _ in colours]


@pytest.fixture
def divided(tmp_path, write_images):
    write_images(tmp_path / "train", 8)
    write_images(tmp_path / "val", 2, first=100)
    return ImageFolder(path=tmp_path, side=16)


def test_folders_of_splits_are_the_splits(divided):
    spec = divided.spec()
    assert (spec.n_units, spec.n_classes, spec.sample_shape) == (24, 3, (3, 16, 16))
    assert divided.class_names() == ("cat", "dog", "eel")
    held_out = list(divided.eval_batches(4))
    assert sorted(numbers(held_out)) == [(label, i) for label in range(3) for i in (100, 101)]
    assert [label for label, _ in numbers(held_out)] == torch.cat([b["labels"] for b in held_out]).tolist()


def test_without_them_a_part_of_each_class_is_held_out_by_the_seed(tmp_path, write_images):
    folder = write_images(tmp_path / "all", 10)
    found = {}
    for seed in (0, 1):
        source = ImageFolder(path=folder, side=16, held_out=0.2, split_seed=seed)
        trained, held_out = numbers([source.probe_batch(24)]), numbers(source.eval_batches(6))
        assert [sum(label == one for label, _ in held_out) for one in range(3)] == [2, 2, 2]
        assert not {*trained} & {*held_out}
        assert len({*trained, *held_out}) == 30
        found[seed] = held_out
    assert found[0] != found[1]


def test_seeds_of_runs_do_not_change_the_split(divided, tmp_path):
    source = ImageFolder(path=tmp_path / "train", side=16)
    held_out = {*numbers(source.eval_batches(100))}
    trained = {*numbers([next(source.train_batches(21, seed)) for seed in (0, 1, 2)])}
    assert (len(held_out), len(trained)) == (3, 21)
    assert not held_out & trained


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no images of classes") as error:
        ImageFolder(path=tmp_path).prepare()
    assert error.value.code == "no-images-found"


def test_splits_of_other_classes_are_refused(divided, tmp_path):
    (tmp_path / "train" / "dog").rename(tmp_path / "train" / "fox")
    with pytest.raises(DataError, match="differ in their classes: dog, fox") as error:
        ImageFolder(path=tmp_path, held_out=0.3).prepare()
    assert error.value.code == "classes-differ"
