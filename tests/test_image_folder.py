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
from conftest import refused, spoiled, tiny
from PIL import Image

from lottery import cache, registry
from lottery.config.file import parse
from lottery.errors import LotteryError
from lottery.store.tensor_files import read_tensors, write_tensors
from lottery.studies.prepare import prepare

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
    assert f"decoding 12 images of {folder}, in colour into {cache.folder()}" in capsys.readouterr().err
    again = image_folder(root=str(folder))
    assert torch.equal(again.train_images, data.train_images)
    assert capsys.readouterr().err == ""
    picture(folder / "train" / "red" / "0.png", (1, 2, 3))
    changed = image_folder(root=str(folder))
    assert changed.train_images[4, :, 0, 0].tolist() == [1, 2, 3]
    assert image_folder(root=str(folder), size=4, grey=True).shape == (1, 4, 4)


def test_the_same_folder_is_kept_in_grey_and_in_colour(folder, capsys):
    shapes = [image_folder(root=str(folder), grey=grey).shape for grey in (None, True, None, True)]
    assert shapes == [(3, 6, 6), (1, 6, 6)] * 2
    assert capsys.readouterr().err.count("decoding") == 2


def test_classes_in_another_order_are_decoded_anew(folder):
    """Though their images are called as those before, as large, as old, and as many in each class."""
    for path in folder.rglob("*.png"):
        path.write_bytes(path.read_bytes().ljust(200, b"\0"))
        os.utime(path, (1e9, 1e9))
    image_folder(root=str(folder))
    for split in ("train", "test"):
        (folder / split / "red").rename(folder / split / "a red")
    assert image_folder(root=str(folder)).train_images[0, :, 0, 0].tolist() == [200, 0, 0]


def test_a_suffix_may_be_written_in_capitals(folder):
    (folder / "train" / "red" / "3.png").rename(folder / "train" / "red" / "3.JPG")  # of whatever format
    assert image_folder(root=str(folder)).train_labels.tolist() == [0] * 4 + [1] * 4


def test_what_is_scaled_is_cropped_rather_than_squeezed(stored):
    pixels = np.zeros((6, 12, 3), np.uint8)
    pixels[:, :3] = pixels[:, 9:] = 255
    image = stored(lambda path: Image.fromarray(pixels).save(f"{path}.png"), size=6)
    assert image.shape == (3, 6, 6)
    assert not image.any()


@pytest.mark.parametrize("spoil", [lambda data: data[:100], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_cache_is_decoded_again(spoil, folder, tmp_path):
    data = image_folder(root=str(folder))
    (file,) = (tmp_path / "cache" / "lottery").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert torch.equal(image_folder(root=str(folder)).train_images, data.train_images)


@pytest.mark.parametrize(
    "forge",
    [
        lambda kept: {name: kept[name] for name in kept if name != "test_labels"},
        lambda kept: kept | {"more": torch.zeros(3)},
        lambda kept: {name: tensor.flatten() for name, tensor in kept.items()},
        lambda kept: {name: tensor.reshape(-1) if "images" in name else tensor for name, tensor in kept.items()},
        lambda kept: kept | {"train_labels": kept["train_labels"] + 100},
        lambda kept: kept | {"train_labels": kept["train_labels"].flip(0)},
        lambda kept: kept | {"train_labels": kept["train_labels"].float()},
        lambda kept: kept | {"test_images": kept["test_images"][:, :, 1:]},
        lambda kept: kept | {"test_images": kept["test_images"][1:], "test_labels": kept["test_labels"][1:]},
        lambda kept: kept | {"train_images": kept["train_images"].float()},
        lambda kept: {name: tensor[:, :2] if "images" in name else tensor for name, tensor in kept.items()},
        lambda kept: {name: tensor[..., 1:] if "images" in name else tensor for name, tensor in kept.items()},
        lambda kept: {name: tensor[:, :1] if "images" in name else tensor for name, tensor in kept.items()},
    ],
)
def test_a_cache_of_a_right_checksum_is_decoded_again_where_it_can_not_be_these_images(forge, folder, tmp_path, capsys):
    asked = {"root": str(folder), "grey": False}
    data = image_folder(**asked)
    (file,) = (tmp_path / "cache" / "lottery").iterdir()
    write_tensors(file, forge(read_tensors(file)))
    capsys.readouterr()
    again = image_folder(**asked)
    assert "(it doesn't hold 12 images of " in capsys.readouterr().err
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(again, name), getattr(data, name))
        assert getattr(again, name).dtype == getattr(data, name).dtype
    image_folder(**asked)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: picture(root / "train" / "red" / "x.png", "red", (7, 6)), "set data.size"),
        (lambda root: (root / "train" / "red" / "x.png").write_text("no"), "can't be read as an image"),
        (lambda root: (root / "train" / "empty").mkdir(), "holds no images"),
        (
            lambda root: picture(root / "test" / "green" / "0.png", "green"),
            "/train lacks class green, which .*/test has",
        ),
        (lambda root: [path.unlink() for path in (root / "test").rglob("*.png")], "holds no images"),
        (lambda root: shutil.rmtree(root / "test" / "red"), "/test lacks class red, which .*/train has"),
        (lambda root: [shutil.rmtree(path) for path in root.glob("*/red")], "has one class only, blue"),
        (
            lambda root: [picture(root / "train" / f"{n}" / "0.png", "red") for n in range(9)],
            "/test lacks classes 0, 1, 2 and 6 more, which",
        ),
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


@pytest.mark.parametrize("mode", ["L", "1", "LA", "I;16", "P", "RGB"])
@pytest.mark.parametrize("named", [None, True, False])
def test_a_folder_of_grey_images_is_found_to_be_grey(mode, named, folder):
    """Where nothing is said; and so is its colour, if one image has some."""
    for index, path in enumerate(sorted(folder.rglob("*.png"))):
        pixels = np.full((6, 6), 20 * index, np.uint8)
        if mode == "I;16":
            Image.fromarray(pixels.astype(np.uint16) * 257).save(path)
        elif mode == "P":
            palette = Image.fromarray(pixels, "P")
            palette.putpalette([level for level in range(256) for _ in range(3)])
            palette.save(path)
        else:
            Image.fromarray(pixels).convert(mode).save(path)
    options = {} if named is None else {"grey": named}
    found = image_folder(root=str(folder), **options)
    assert found.shape[0] == (1 if named or (named is None and mode != "RGB") else 3)
    expected = image_folder(root=str(folder), grey=found.shape[0] == 1)
    assert torch.equal(found.train_images, expected.train_images)
    picture(next((folder / "test").rglob("*.png")), (1, 2, 3))
    assert image_folder(root=str(folder), **options).shape[0] == (1 if named else 3)


def test_a_palette_of_colours_is_in_colour(stored):
    assert stored(lambda path: Image.new("RGB", (4, 4), (9, 8, 7)).quantize(2).save(f"{path}.png")).shape == (3, 4, 4)


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


def tiff(numbers, bits, photometric):
    """A TIFF file of one strip of grey numbers, packed as they are, in little endian."""
    packed = "".join(f"{number:0{bits}b}" for number in numbers.flat)
    content = bytes(int(packed[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(packed), 8))
    if bits == 16:
        content = numbers.astype("<u2").tobytes()
    tags = {256: numbers.shape[1], 257: numbers.shape[0], 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1,
            278: numbers.shape[0], 279: len(content)}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    content += bytes(len(content) % 2)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(content))
    return head + content + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(("bits", "photometric"), [(16, 0), (16, 1), (12, 1), (8, 0), (8, 1), (4, 0)])
def test_what_is_white_in_a_tiff_is_as_it_says(bits, photometric, stored):
    most = 2**bits - 1
    numbers = np.array([[0, most // 3, most // 2, most]], np.uint32)
    image = stored(lambda path: Path(f"{path}.tif").write_bytes(tiff(numbers, bits, photometric)), grey=True)
    share = numbers / most if photometric else 1 - numbers / most
    assert np.abs(image[0] - 255 * share).max() <= 0.5


def grey_png(bits, numbers, clear, kind=0):
    """A PNG of one row, in which the colour `clear` is transparent."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    packed = "".join(f"{number:0{bits}b}" for number in numbers)
    row = b"\0" + bytes(int(packed[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(packed), 8))
    header = struct.pack(">IIBBBBB", len(numbers) // (3 if kind else 1), 1, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(f">{len(clear)}H", *clear)), (b"IDAT", zlib.compress(row))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_that_is_transparent_is_white(bits, grey, stored):
    numbers = [0, 1, 2**bits - 1] if bits > 1 else [0, 1]
    clear = 1 if bits > 1 else 0
    image = stored(lambda path: Path(f"{path}.png").write_bytes(grey_png(bits, numbers, [clear])), grey=grey)
    expected = [255 if number == clear else round(255 * number / (2**bits - 1)) for number in numbers]
    assert image[0, 0].tolist() == expected


def test_a_transparent_colour_that_can_not_be_told_is_refused(tmp_path):
    data = grey_png(16, [0x1234, 0, 0, 0x1235, 0, 0], [0x1234, 0, 0], kind=2)
    root = two_classes(tmp_path / "images", lambda path: Path(f"{path}.png").write_bytes(data))
    assert "its transparent colour has 16 bits a channel" in refused("image_folder", root)


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


def test_a_dry_run_keeps_nothing_of_an_image_folder(folder, lottery, tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("data: {name: image_folder, root: pictures, validation: 2}\nmodel: fcn\n"
                                     "train: {length: 2it, batch_size: 2}\ndevice: cpu\n")  # fmt: skip
    before = sorted(tmp_path.rglob("*"))
    result = lottery("prune", "a.yaml", "--dry-run")
    assert result.code == 0, result.err
    assert "decoding 12 images of pictures, in colour\n" in result.err
    assert sorted(tmp_path.rglob("*")) == before


def test_images_that_are_all_alike_are_told_before_training(folder):
    for path in folder.glob("train/*/*.png"):
        picture(path, (0, 0, 0))
    with pytest.raises(LotteryError, match="the training images are 0 in every pixel: there is nothing to learn"):
        prepare(tiny(data={"name": "image_folder", "root": str(folder)}))
