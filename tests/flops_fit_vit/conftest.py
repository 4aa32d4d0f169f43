"""Small archives and folders of images in the formats that people have."""

import pickle
import tarfile

import numpy as np
import pytest

CLASSES = {"cifar10": [f"thing{i}" for i in range(10)], "cifar100": [f"thing{i}" for i in range(100)]}


def rows(n, n_classes, seed):
    """Draw images as the archive holds them: 3072 bytes a row, red first; brighter for larger labels."""
    random = np.random.default_rng(seed)
    labels = random.permutation(n) % n_classes
    noise = random.integers(0, 100, (n, 3072))
    return (noise + labels[:, None] * 150 // n_classes).astype(np.uint8), labels.tolist()


def dump(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))


def write_cifar10(root, n_train):
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for i in range(1, 6):
        data, labels = rows(n_train // 5, 10, i)
        dump(folder / f"data_batch_{i}", {"batch_label": f"batch {i}", "labels": labels, "data": data})
    data, labels = rows(50, 10, 9)
    dump(folder / "test_batch", {"batch_label": "test", "labels": labels, "data": data})
    dump(folder / "batches.meta", {"num_vis": 3072, "label_names": CLASSES["cifar10"]})
    return folder


def write_cifar100(root, n_train):
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, n, seed in (("train", n_train, 1), ("test", 100, 9)):
        data, fine = rows(n, 100, seed)
        content = {"data": data, "fine_labels": fine, "coarse_labels": [label // 5 for label in fine]}
        dump(folder / name, content)
    dump(folder / "meta", {"fine_label_names": CLASSES["cifar100"], "coarse_label_names": []})
    return folder


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory):
    """A root whose folder holds 300 training and 50 test images, as unpacked."""
    root = tmp_path_factory.mktemp("cifar10")
    write_cifar10(root, 300)
    return root


@pytest.fixture(scope="session")
def cifar100(tmp_path_factory):
    """A root whose folder holds 200 training and 100 test images, as unpacked."""
    root = tmp_path_factory.mktemp("cifar100")
    write_cifar100(root, 200)
    return root


@pytest.fixture
def packed_cifar10(tmp_path):
    """A root that holds nothing but an archive."""
    folder = write_cifar10(tmp_path / "elsewhere", 50)
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    return root


@pytest.fixture(scope="session")
def write_images():
    """Write images of three classes, of which each says its class and number, below a folder."""
    from PIL import Image

    def write(folder, n, first=0):
        for label, name in enumerate(("cat", "dog", "eel")):
            (folder / name).mkdir(parents=True)
            for i in range(first, first + n):
                pixels = np.full((20, 30, 3), (80 * label, i, 7), np.uint8)
                Image.fromarray(pixels).save(folder / name / f"{i}.png")
        return folder

    return write
