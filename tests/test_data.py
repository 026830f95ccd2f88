import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from lottery import registry
from lottery.errors import LotteryError

load = {name: registry.find("data", name) for name in registry.names("data")}


def test_digits():
    digits = load["digits"]()
    assert digits.shape == (1, 8, 8)
    assert (len(digits.train_images), len(digits.test_images), digits.classes) == (1437, 360, 10)
    assert digits.train_images.dtype == torch.uint8
    assert digits.train_images.max() == 240
    assert set(digits.test_labels.tolist()) == set(range(10))


def write_idx(folder, compress=False, count=3):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    parts = {}
    for split in ("train", "t10k"):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8)
        for name, array in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", labels)):
            data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            if compress:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)
        parts[split] = images
    return parts


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_idx_files_are_read_with_no_network(name, folder, compress, tmp_path):
    parts = write_idx(tmp_path / folder / "raw", compress)
    data = load[name](root=str(tmp_path))
    assert np.array_equal(data.train_images[:, 0].numpy(), parts["train"])
    assert np.array_equal(data.test_images[:, 0].numpy(), parts["t10k"])
    assert data.train_labels.tolist() == [0, 1, 2]


def test_a_damaged_idx_file_is_named(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LotteryError, match="train-labels-idx1-ubyte is not an IDX file of bytes, or is cut short"):
        load["mnist"](root=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("mnist", r"MNIST is not in .*MNIST/raw \(looked for train-images-idx3-ubyte"),
        ("fashion_mnist", "FashionMNIST is not in"),
        ("cifar10", "CIFAR10 is not in .*cifar-10-batches-py"),
        ("cifar100", "CIFAR100 is not in"),
    ],
)
def test_neither_there_nor_to_be_had(name, looked_for, tmp_path, monkeypatch):
    from torchvision.datasets import utils

    def no_network(*arguments, **options):
        raise OSError("no network here")

    monkeypatch.setattr(utils, "urlretrieve", no_network, raising=False)
    monkeypatch.setattr(utils, "_urlretrieve", no_network)
    with pytest.raises(LotteryError, match=f"(?s){looked_for}.*could not be downloaded .*set data.root") as caught:
        load[name](root=str(tmp_path))
    assert len(str(caught.value).splitlines()) == 2


def test_real_mnist(mnist_root):
    data = load["mnist"](root=str(mnist_root))
    assert (data.train_images.shape, data.test_images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    pixels = data.train_images.double() / 255
    assert pixels.mean().item() * 255 == pytest.approx(data.mean[0], rel=1e-3)
    assert pixels.std().item() * 255 == pytest.approx(data.std[0], rel=1e-3)


def picture(path, colour, size=(6, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    for split, count in (("train", 4), ("test", 2)):
        for index in range(count):
            picture(root / split / "red" / f"{index}.png", (200 + index, 0, 0))
            picture(root / split / "blue" / f"{index}.png", (0, 0, 100 + index))
    return root


def test_image_folder(folder, capsys):
    data = load["image_folder"](root=str(folder))
    assert data.classes == 2
    assert data.shape == (3, 6, 6)
    assert data.train_labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]  # blue, red
    assert data.train_images[0, :, 0, 0].tolist() == [0, 0, 100]
    assert data.train_images[7, :, 5, 5].tolist() == [203, 0, 0]
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    assert "decoding 12 images" in capsys.readouterr().err
    again = load["image_folder"](root=str(folder))
    assert torch.equal(again.train_images, data.train_images)
    assert capsys.readouterr().err == ""
    picture(folder / "train" / "red" / "0.png", (1, 2, 3))
    changed = load["image_folder"](root=str(folder))
    assert changed.train_images[4, :, 0, 0].tolist() == [1, 2, 3]
    assert load["image_folder"](root=str(folder), size=4, grey=True).shape == (1, 4, 4)


@pytest.mark.parametrize("spoil", [lambda data: data[:100], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_cache_is_decoded_again(spoil, folder, tmp_path):
    data = load["image_folder"](root=str(folder))
    (file,) = (tmp_path / "cache" / "lottery").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert torch.equal(load["image_folder"](root=str(folder)).train_images, data.train_images)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: picture(root / "train" / "red" / "x.png", "red", (7, 6)), "set data.size"),
        (lambda root: (root / "train" / "red" / "x.png").write_text("no"), "can't be read as an image"),
        (lambda root: (root / "train" / "empty").mkdir(), "holds no images"),
        (lambda root: picture(root / "test" / "green" / "0.png", "green"), "same classes: green"),
        (lambda root: [path.unlink() for path in (root / "test").rglob("*.png")], "holds no images"),
    ],
)
def test_what_is_wrong_with_an_image_folder_is_said(spoil, message, folder):
    spoil(folder)
    with pytest.raises(LotteryError, match=message):
        load["image_folder"](root=str(folder))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(LotteryError, match="is not there; an image folder has"):
        load["image_folder"](root=str(tmp_path / "none"))
