import contextlib
import importlib
import io
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import refused, spoiled
from PIL import Image

from lottery import registry
from lottery.config.file import parse
from lottery.errors import LotteryError

image_folder = registry.find("data", "image_folder")


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
    data = image_folder(root=str(folder))
    assert data.classes == 2
    assert data.shape == (3, 6, 6)
    assert data.train_labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]  # blue, red
    assert data.train_images[0, :, 0, 0].tolist() == [0, 0, 100]
    assert data.train_images[7, :, 5, 5].tolist() == [203, 0, 0]
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    assert "decoding 12 images" in capsys.readouterr().err
    again = image_folder(root=str(folder))
    assert torch.equal(again.train_images, data.train_images)
    assert capsys.readouterr().err == ""
    picture(folder / "train" / "red" / "0.png", (1, 2, 3))
    changed = image_folder(root=str(folder))
    assert changed.train_images[4, :, 0, 0].tolist() == [1, 2, 3]
    assert image_folder(root=str(folder), size=4, grey=True).shape == (1, 4, 4)


@pytest.mark.parametrize("spoil", [lambda data: data[:100], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_cache_is_decoded_again(spoil, folder, tmp_path):
    data = image_folder(root=str(folder))
    (file,) = (tmp_path / "cache" / "lottery").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert torch.equal(image_folder(root=str(folder)).train_images, data.train_images)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: picture(root / "train" / "red" / "x.png", "red", (7, 6)), "set data.size"),
        (lambda root: (root / "train" / "red" / "x.png").write_text("no"), "can't be read as an image"),
        (lambda root: (root / "train" / "empty").mkdir(), "holds no images"),
        (lambda root: picture(root / "test" / "green" / "0.png", "green"), "same classes: green"),
        (lambda root: [path.unlink() for path in (root / "test").rglob("*.png")], "holds no images"),
        (lambda root: shutil.rmtree(root / "test" / "red"), "same classes: red is in one only"),
        (lambda root: [shutil.rmtree(path) for path in root.glob("*/red")], "has one class only, blue"),
        (lambda root: [picture(root / "train" / f"{n}" / "0.png", "red") for n in range(9)], "0, 1, 2 and 6 more are"),
        (lambda root: (root / "train" / "green").symlink_to("nowhere"), "train/green: can't be read"),
        (lambda root: spoiled(root / "train" / "green", "loop"), "train/green: can't be read"),
        (
            lambda root: (root / "test" / "red" / "0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"),
            "it is none of JPEG",
        ),
    ],
)
def test_what_is_wrong_with_an_image_folder_is_said(spoil, message, folder):
    spoil(folder)
    with pytest.raises(LotteryError, match=message):
        image_folder(root=str(folder))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(LotteryError, match="is not there; name a folder of train"):
        image_folder(root=str(tmp_path / "none"))


@pytest.mark.parametrize("kind", ["pipe", "folder", "huge", "loop", "device", "dangling"])
def test_what_is_no_image_file_is_not_waited_for(kind, folder):
    spoiled(folder / "train" / "red" / "x.png", kind)
    assert str(folder / "train" / "red" / "x.png") in refused("image_folder", folder)


@pytest.mark.parametrize("where", ["train/red", "train/red/0.png", "."])
def test_what_may_not_be_read_is_said(where):
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for split in ("train", "test"):
            for name in ("red", "blue"):
                picture(root / split / name / "0.png", name)
        root.chmod(0o755)
        (root / where).chmod(0)
        stack.callback((root / where).chmod, 0o755)
        if os.geteuid() == 0:  # who may read everything
            os.seteuid(65534)
            stack.callback(os.seteuid, 0)
        assert "permission denied" in refused("image_folder", root)


def png(width, height):
    """A PNG that says that it is of this size, and holds nothing."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 9300, 12_000, 40_000])
def test_the_number_of_pixels_is_bounded(side, folder):
    (folder / "train" / "blue" / "0.png").write_bytes(png(side, side))
    assert "blue/0.png can't be read as an image (it has more than 67,108,864 pixels)" in refused(
        "image_folder", folder
    )


def test_the_scans_of_a_jpeg_are_bounded(folder):
    """Each takes sixty bytes, and as long as the first."""
    written = io.BytesIO()
    Image.new("RGB", (8000, 16)).save(written, "JPEG", progressive=True)
    data = written.getvalue()
    frame = data.index(b"\xff\xc2")
    data = data[: frame + 5] + struct.pack(">H", 8000) + data[frame + 7 :]
    last = data[data.rindex(b"\xff\xda") : -2]
    (folder / "train" / "blue" / "0.png").write_bytes(data[:-2] + 1000 * last + data[-2:])
    assert "can't be read as an image (it has too many scans)" in refused("image_folder", folder)


def test_the_size_of_all_images_is_bounded(folder, monkeypatch):
    with pytest.raises(LotteryError, match=r"^--set: data\.size: .*less than or equal to 8192, not 100000$"):
        parse("name: x", "x.yaml", "x", [f"data={{name: image_folder, root: {folder}, size: 100000}}"])
    module = importlib.import_module("lottery.data.image_folder")
    monkeypatch.setattr(module, "free_memory", lambda device: 12 * 6 * 6 * 3 * 2)
    assert image_folder(root=str(folder)).shape == (3, 6, 6)
    assert "12 images of 7x7 take 3.4 KiB, and 2.5 KiB of memory are free" in refused("image_folder", folder, size=7)


def two_classes(root, write):
    """An image folder of `a` and `b`; `write` gets the path of each image, without suffix."""
    for split in ("train", "test"):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            write(root / split / name / "0")
    return str(root)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """The first image of a folder of images written by a function, float64 `[C, H, W]`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def store(write, **options):
        root = Path(tempfile.mkdtemp(dir=tmp_path)) / "images"
        return image_folder(root=two_classes(root, write), **options).train_images[0].double().numpy()

    return store


RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)
SIXTEEN_BITS = {
    "PNG": lambda path: Image.fromarray(RAMP).save(f"{path}.png"),
    "TIFF": lambda path: Image.fromarray(RAMP).save(f"{path}.tif"),
    "TIFF, big endian": lambda path: Image.fromarray(RAMP.astype(">u2")).save(f"{path}.tif"),
    "TIFF of 32 bits": lambda path: Image.fromarray(RAMP.astype(np.int32)).save(f"{path}.tif"),
    "PGM": lambda path: Path(f"{path}.pgm").write_bytes(b"P5 256 256 65535\n" + RAMP.astype(">u2").tobytes()),
}


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("write", SIXTEEN_BITS.values(), ids=SIXTEEN_BITS.keys())
def test_sixteen_bits_are_scaled_to_eight(write, grey, stored):
    image = stored(write, grey=grey)
    assert image.shape == (1 if grey else 3, 256, 256)
    assert np.abs(image - RAMP / 65535 * 255).max() <= 0.5


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (np.full((4, 4), 0.5, np.float32), "floating-point"),
        (np.full((4, 4), 70_000, np.int32), "more than 16 bits"),
        (np.full((4, 4), -1, np.int32), "more than 16 bits"),
    ],
)
def test_numbers_that_do_not_say_what_is_white_are_refused(numbers, message, tmp_path):
    root = two_classes(tmp_path / "images", lambda path: Image.fromarray(numbers).save(f"{path}.tif"))
    assert message in refused("image_folder", root)


UPRIGHT = {  # what a camera that was held so stored, and how it is turned back: EXIF 2.3, orientation
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_images_are_turned_upright(orientation, stored):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = stored(lambda path: Image.fromarray(pixels).save(f"{path}.png", exif=exif))
    assert np.array_equal(image.transpose(1, 2, 0), UPRIGHT[orientation](pixels))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode, stored):
    alpha = np.array([[0, 64, 128, 255]], np.uint8)
    if mode == "P":
        alpha = np.where(alpha < 100, 0, 255).astype(np.uint8)
    colour = [40, 40, 40] if mode == "LA" else [200, 100, 40]
    pixels = np.concatenate([np.broadcast_to(np.array(colour, np.uint8), (1, 4, 3)), alpha[..., None]], axis=2)

    def write(path):
        image = Image.fromarray(pixels)
        if mode == "P":  # colour 0 is another one that is never seen
            image = Image.new("P", (4, 1))
            image.putpalette([1, 2, 3, *colour])
            image.putdata([0, 0, 1, 1])
            image.info["transparency"] = 0
        image.convert(mode).save(f"{path}.png")

    share = alpha / 255
    expected = np.stack([share * channel + (1 - share) * 255 for channel in colour])
    assert np.abs(stored(write) - expected).max() <= 1
    grey = np.array([0.299, 0.587, 0.114]) @ expected.reshape(3, -1)
    assert np.abs(stored(write, grey=True).reshape(-1) - grey).max() <= 1.5


def test_of_an_animation_the_first_frame_is_taken(stored):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    image = stored(lambda path: frames[0].save(f"{path}.gif", save_all=True, append_images=frames[1:]))
    assert np.array_equal(image[:, 0, 0], [255, 0, 0])


@pytest.mark.parametrize(("ink", "colour"), [((0, 255, 255, 0), [255, 0, 0]), ((0, 0, 0, 255), [0, 0, 0])])
def test_inks_become_colours(ink, colour, stored):
    image = stored(lambda path: Image.new("CMYK", (4, 4), ink).save(f"{path}.tif"))
    assert np.array_equal(image[:, 0, 0], colour)
    grey = stored(lambda path: Image.new("CMYK", (4, 4), ink).save(f"{path}.tif"), grey=True)
    assert grey[0, 0, 0] == pytest.approx(np.array([0.299, 0.587, 0.114]) @ colour, abs=1)
