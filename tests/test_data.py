import dataclasses
import gzip
import hashlib
import importlib
import io
import re
import shutil
import struct
import tarfile
import time
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from conftest import refused, spoiled, write_idx

from lottery import registry
from lottery.config.file import parse
from lottery.data._download import Missing
from lottery.errors import LotteryError

load = {name: registry.find("data", name) for name in registry.names("data")}


def test_digits():
    digits = load["digits"]()
    assert digits.shape == (1, 8, 8)
    assert (len(digits.train_images), len(digits.test_images), digits.classes) == (1437, 360, 10)
    assert digits.train_images.dtype == torch.uint8
    assert digits.train_images.max() == 240
    assert set(digits.test_labels.tolist()) == set(range(10))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_idx_files_are_read_with_no_network(name, folder, compress, tmp_path):
    parts = write_idx(tmp_path / folder / "raw", compress)
    data = load[name](root=str(tmp_path))
    assert np.array_equal(data.train_images[:, 0].numpy(), parts["train"])
    assert np.array_equal(data.test_images[:, 0].numpy(), parts["t10k"])
    assert data.train_labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
@pytest.mark.parametrize("root", ["{}/raw", "{}", "", "link", "plain"])
def test_the_folder_of_idx_files_may_be_named_itself(root, name, folder, tmp_path):
    write_idx(tmp_path / folder / "raw", compress=True)
    (tmp_path / "link").symlink_to(tmp_path / folder / "raw")
    shutil.copytree(tmp_path / folder / "raw", tmp_path / "plain")
    assert len(load[name](root=str(tmp_path / root.format(folder))).train_labels) == 3


def test_of_two_folders_of_idx_files_none_is_taken(tmp_path):
    root = tmp_path / "MNIST" / "raw"
    write_idx(root)
    shutil.copy(root / LABELS, tmp_path / "MNIST" / LABELS)
    expected = (
        f"{tmp_path / 'MNIST'} has MNIST twice, in {root} and in {tmp_path / 'MNIST'}; name the one that is meant"
    )
    assert expected in refused("mnist", tmp_path / "MNIST")
    assert len(load["mnist"](root=str(root)).train_labels) == 3
    write_idx(root / "MNIST" / "raw")
    assert f"in {root} and in {root}/MNIST/raw" in refused("mnist", root)


@pytest.mark.parametrize(
    ("root", "place"), [("", "MNIST/raw"), ("MNIST", "MNIST/raw"), ("MNIST/raw", "MNIST/raw"), ("raw", "raw/MNIST/raw")]
)
def test_what_is_missing_is_missed_in_one_place_however_it_is_named(root, place, tmp_path):
    with pytest.raises(Missing) as caught:
        load["mnist"](root=str(tmp_path / root))
    assert caught.value.folder == tmp_path / place
    write_idx(tmp_path / root / "raw" if root == "raw" else tmp_path / place)
    (missing,) = tmp_path.rglob(LABELS)
    missing.unlink()
    with pytest.raises(Missing) as caught:  # the rest of them lies where the others do
        load["mnist"](root=str(tmp_path / root))
    assert caught.value.folder == missing.parent


@pytest.mark.parametrize("name", ["mnist", "cifar100", "image_folder"])
def test_a_root_that_is_a_file(name, tmp_path):
    (tmp_path / LABELS).write_text("")
    assert "is a file; name the folder that it is in" in refused(name, tmp_path / LABELS)


def test_a_damaged_idx_file_is_named(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LotteryError, match="train-labels-idx1-ubyte is not an IDX file of bytes, or is cut short"):
        load["mnist"](root=str(tmp_path))


def idx(shape, content=None, kind=8, dimensions=None):
    """An IDX file of this shape; its header may say otherwise."""
    header = struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape) if dimensions is None else dimensions, *shape)
    return header + (bytes(int(np.prod(shape))) if content is None else content)


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
BAD_IDX = {
    "a label out of range": (LABELS, idx((3,), bytes([0, 47, 2])), "has a label 47, and those of MNIST are 0 to 9"),
    "more labels than images": (LABELS, idx((4,)), "holds 3 images, and train-labels-idx1-ubyte.* 4 labels"),
    "fewer labels than images": (LABELS, idx((2,)), "holds 3 images, and train-labels-idx1-ubyte.* 2 labels"),
    "no dimensions": (IMAGES, idx((), b"x"), "no header of 3 dimensions"),
    "one dimension": (IMAGES, idx((2352,)), "no header of 3 dimensions"),
    "255 dimensions": (IMAGES, idx((1,) * 255), "no header of 3 dimensions"),
    "255 dimensions, and nothing more": (IMAGES, idx((), dimensions=255), "no header of 3 dimensions"),
    "labels of three dimensions": (LABELS, idx((3, 1, 1)), "no header of 1 dimensions"),
    "no images": (IMAGES, idx((0, 28, 28)), "says that it holds 0x28x28 bytes"),
    "images of no pixels": (IMAGES, idx((3, 0, 28)), "says that it holds 3x0x28 bytes"),
    "signed bytes": (IMAGES, idx((3, 28, 28), kind=9), "is not an IDX file of bytes"),
    "another file": (IMAGES, b"\x89PNG" + bytes(100), "is not an IDX file of bytes"),
    "an empty file": (IMAGES, b"", "cut short"),
    "a cut header": (IMAGES, idx((3, 28, 28))[:9], "cut short"),
    "cut images": (IMAGES, idx((3, 28, 28))[:-1], "cut short"),
    "more than the header says": (IMAGES, idx((3, 28, 28)) + b"x", "is longer than its header says"),
    "a header that claims more than there is": (IMAGES, idx((1000, 100, 100), b"x"), "cut short"),
    "a header that claims everything": (IMAGES, idx((2**32 - 1,) * 3, b"x"), "says that it holds 4294967295x"),
    "test images of another size": (IMAGES, idx((3, 14, 14)), "t10k-images.* of another size than train-images"),
}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("file", "content", "message"), BAD_IDX.values(), ids=BAD_IDX.keys())
def test_what_is_wrong_with_an_idx_file_is_said(file, content, message, compress, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    write_idx(raw, compress)
    if compress:
        (raw / f"{file}.gz").write_bytes(gzip.compress(content))
    else:
        (raw / file).write_bytes(content)
    assert re.search(f"{raw}/.*{message}", refused("mnist", tmp_path))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-3], "cut short"),  # the checksum at the end
        (lambda data: data[:200], "cut short"),
        (lambda data: data[:-8] + bytes(8), "can't be unpacked"),  # another checksum
        (lambda data: b"not gzip", "can't be unpacked"),
        (lambda data: b"", "cut short"),
        (lambda data: data[:300] + bytes([data[300] ^ 255]) + data[301:], "can't be unpacked|cut short"),
    ],
)
def test_a_damaged_gz_file_is_named(spoil, message, tmp_path):
    write_idx(tmp_path / "MNIST" / "raw", compress=True)
    file = tmp_path / "MNIST" / "raw" / f"{IMAGES}.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(LotteryError, match=f"{file.name} .*({message})"):
        load["mnist"](root=str(tmp_path))


def bomb(start):
    """Four GiB in four MiB, behind `start`: each MiB of zeros is packed alone, so that one is packed for all."""
    pack = zlib.compressobj(9, wbits=-15)
    head = pack.compress(start) + pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + head + block * 4096 + pack.flush() + bytes(8)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 28, 28), "is longer than its header says"), ((65536, 256, 256), "says that it holds 65536x256x256 bytes")],
)
def test_a_gzip_bomb_is_not_unpacked(shape, message, tmp_path):
    write_idx(tmp_path / "MNIST" / "raw", compress=True)
    (tmp_path / "MNIST" / "raw" / f"{IMAGES}.gz").write_bytes(bomb(idx(shape, b"")))
    tracemalloc.start()
    begun = time.monotonic()
    assert message in refused("mnist", tmp_path)
    assert time.monotonic() - begun < 5
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


def test_a_published_idx_file_has_the_published_checksum(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    write_idx(raw)
    with (raw / IMAGES).open("wb") as file:
        file.write(idx((60_000, 28, 28), b""))
        file.truncate(16 + 60_000 * 784)
    assert "is as large as the published file, and has another checksum" in refused("mnist", tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "huge", "loop"])
def test_what_is_no_file_is_not_waited_for(kind, tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / IMAGES
    file.unlink()
    spoiled(file, kind)
    if kind == "loop":  # nothing that could be read: as good as missing
        with pytest.raises(Missing):
            load["mnist"](root=str(tmp_path))
    else:
        assert str(file) in refused("mnist", tmp_path)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Small archives in the format of the binary version; gives root, images, labels by name of the data set."""
    expected = {}
    for name in ("cifar10", "cifar100"):
        module = importlib.import_module(f"lottery.data.{name}")
        archive, generator = module.ARCHIVE, np.random.default_rng(0)
        files, checksums, images, labels = {}, {}, [], []
        for file in (*archive.train, *archive.test):
            pixels = generator.integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
            classes = generator.integers(0, archive.classes, 3, dtype=np.uint8)
            superclass = b"\x13" if name == "cifar100" else b""
            files[file] = b"".join(
                superclass + bytes([label]) + image.tobytes() for label, image in zip(classes, pixels, strict=True)
            )
            checksums[file] = hashlib.md5(files[file]).hexdigest()
            images.append(pixels)
            labels.extend(classes.tolist())
        files["batches.meta.txt"] = b"airplane"
        with tarfile.open(tmp_path / archive.file, "w:gz") as tar:
            for file, content in reversed(files.items()):
                member = tarfile.TarInfo(f"{archive.folder}/{file}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        ours = dataclasses.replace(
            archive,
            md5=hashlib.md5((tmp_path / archive.file).read_bytes()).hexdigest(),
            train={file: checksums[file] for file in archive.train},
            test={file: checksums[file] for file in archive.test},
        )
        monkeypatch.setattr(module, "ARCHIVE", ours)
        expected[name] = (ours, np.concatenate(images), labels)
    return tmp_path, expected


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_from_its_archive_or_what_it_unpacks_to(name, cifar):
    root, expected = cifar
    archive, images, labels = expected[name]
    before = sorted(root.rglob("*"))
    packed = load[name](root=str(root))
    assert sorted(root.rglob("*")) == before  # nothing is unpacked to the disk
    assert packed.shape == (3, 32, 32)
    assert packed.classes == (10 if name == "cifar10" else 100)
    assert np.array_equal(torch.cat([packed.train_images, packed.test_images]).numpy(), images)
    assert packed.train_labels.tolist() + packed.test_labels.tolist() == labels
    assert len(packed.test_labels) == 3
    pixels = packed.train_images.double()
    assert packed.mean == pytest.approx(pixels.mean(dim=(0, 2, 3)).tolist())
    assert packed.std == pytest.approx(pixels.std(dim=(0, 2, 3), correction=0).tolist())
    with tarfile.open(root / archive.file) as tar:
        tar.extractall(root, filter="data")
    (root / archive.file).unlink()
    unpacked = load[name](root=str(root))
    assert torch.equal(unpacked.train_images, packed.train_images)
    assert torch.equal(unpacked.test_labels, packed.test_labels)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_folder_of_cifars_files_may_be_named_itself(name, cifar, tmp_path_factory):
    root, expected = cifar
    archive = expected[name][0]
    packed = load[name](root=str(root))
    assert torch.equal(load[name](root=str(root / archive.folder)).test_labels, packed.test_labels)  # packed, beside it
    with tarfile.open(root / archive.file) as tar:
        tar.extractall(root, filter="data")
    (root / archive.file).unlink()
    other = shutil.copytree(root / archive.folder, tmp_path_factory.mktemp("other") / "own")
    for folder in (root / archive.folder, other):
        assert torch.equal(load[name](root=str(folder)).test_labels, packed.test_labels)
    last = [*archive.train][-1]
    (other / last).unlink()
    assert f"{other / last} is missing; put it there, or set data.root to another" in refused(name, other)
    (root / archive.folder / last).unlink()
    assert f"{last} is missing; delete {root / archive.folder} to" in refused(name, root / archive.folder)
    shutil.copytree(root / archive.folder, other / archive.folder)
    assert f"twice, in {other / archive.folder} and in {other}; name" in refused(name, other)
    shutil.rmtree(root / archive.folder)
    with pytest.raises(Missing) as caught:
        load[name](root=str(root / archive.folder))
    assert caught.value.folder == root


def test_another_data_sets_files_are_refused_by_their_checksum(tmp_path):
    """KMNIST's, say, have the names and sizes of MNIST's."""
    write_idx(tmp_path / "kmnist")
    (tmp_path / "kmnist" / LABELS).write_bytes(idx((60_000,)))
    for name in ("mnist", "fashion_mnist"):
        assert "has another checksum: damaged, or another data set's" in refused(name, tmp_path / "kmnist")


def test_a_changed_archive_is_refused(cifar):
    root, expected = cifar
    file = root / expected["cifar10"][0].file
    data = file.read_bytes()
    for spoilt in (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], data[:1000], b"", data + b"x"):
        file.write_bytes(spoilt)
        assert "doesn't have the published checksum; delete it to have it" in refused("cifar10", root)
    file.unlink()
    spoiled(file, "pipe")
    assert f"{file} is not a file" in refused("cifar10", root)


def test_a_changed_or_missing_unpacked_file_is_refused(cifar):
    root, expected = cifar
    archive = expected["cifar100"][0]
    with tarfile.open(root / archive.file) as tar:
        tar.extractall(root, filter="data")
    folder = root / archive.folder
    (folder / "train.bin").write_bytes(bytes(3074))
    assert f"train.bin doesn't have the published checksum; delete {folder} to" in refused("cifar100", root)
    (folder / "train.bin").unlink()
    assert f"train.bin is missing; delete {folder} to" in refused("cifar100", root)


@pytest.mark.parametrize(("name", "pickled"), [("cifar10", "cifar-10-batches-py"), ("cifar100", "cifar-100-python")])
def test_pickles_are_not_read(name, pickled, tmp_path):
    (tmp_path / pickled).mkdir()
    with pytest.raises(Missing, match=r"looked for cifar-100?-.*-binary\.tar\.gz, .* is pickled, and not read"):
        load[name](root=str(tmp_path))


def test_home(tmp_path, monkeypatch):
    write_idx(tmp_path / "data" / "MNIST" / "raw")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load["mnist"](root="~/data").train_labels) == 3
    with pytest.raises(Missing):
        load["mnist"](root="~nobody-of-this-name/data")


@pytest.mark.parametrize("root", ['"a\\0b"', '"\\ud800"', "a" * 5000])
@pytest.mark.parametrize("name", ["mnist", "cifar10", "image_folder"])
def test_a_root_that_no_path_can_be(root, name):
    with pytest.raises(LotteryError, match="data") as caught:
        parse("name: x", "x.yaml", "x", [f"data={{name: {name}, root: {root}}}"])
    assert len(str(caught.value).splitlines()) == 1


def test_real_mnist(mnist_root):
    data = load["mnist"](root=str(mnist_root))
    assert (data.train_images.shape, data.test_images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    pixels = data.train_images.double() / 255
    assert pixels.mean().item() * 255 == pytest.approx(data.mean[0], rel=1e-3)
    assert pixels.std().item() * 255 == pytest.approx(data.std[0], rel=1e-3)
