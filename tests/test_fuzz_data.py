"""Data files changed at random: one line that names the file, or images; never a traceback, never for long.

The default tests try some. Thousands:

    pytest -m slow tests/test_fuzz_data.py -s
"""

import collections
import gzip
import io
import random
import struct
import time

import numpy as np
import pytest
import torch
from PIL import Image

from lottery import registry
from lottery.errors import LotteryError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
EXTREME = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\x10\0",
    b"\xff\xda",
    b"\0\0\x08\xff",
]


def images():
    """Small images of many kinds: bytes by name."""
    colour, grey, sixteen = Image.fromarray(PIXELS), Image.fromarray(PIXELS[..., 0]), PIXELS[..., 0].astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"
    kinds = {
        "jpeg": (colour, "JPEG", {"exif": exif}),
        "progressive": (colour, "JPEG", {"progressive": True}),
        "inks": (colour.convert("CMYK"), "JPEG", {}),
        "png": (colour, "PNG", {"exif": exif}),
        "16 bits": (Image.fromarray(sixteen * 257), "PNG", {}),
        "palette": (colour.quantize(8), "PNG", {"transparency": 2}),
        "transparent": (grey.convert("LA"), "PNG", {}),
        "animated png": (colour, "PNG", {"save_all": True, "append_images": [colour.rotate(180)]}),
        "gif": (colour, "GIF", {"save_all": True, "append_images": [colour.rotate(180)]}),
        "bmp": (colour, "BMP", {}),
        "webp": (colour.convert("RGBA"), "WEBP", {"lossless": True}),
        "tiff": (colour, "TIFF", {}),
        "tiff of 16 bits": (Image.fromarray(sixteen), "TIFF", {}),
        "deflated tiff": (colour, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff of lines": (colour.convert("1"), "TIFF", {"compression": "group4"}),
        "ppm": (colour, "PPM", {}),
    }
    written = {"pgm": b"P5 4 4 65535\n" + bytes(range(32)), "text": b"P3\n2 1\n255\n1 2 3 4 5 6\n"}
    for name, (image, kind, options) in kinds.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        written[name] = buffer.getvalue()
    return written


def idx(*shape):
    content = bytes(value % 10 for value in range(int(np.prod(shape))))
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + content


def changed(data, draw):
    """Bytes with some of them flipped, set, put in, taken out, repeated or cut off."""
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 16])):
        place, kind = (
            draw.randrange(len(data) + 1),
            draw.choice(["flip", "set", "in", "out", "twice", "extreme", "cut"]),
        )
        if kind == "flip" and place < len(data):
            data[place] ^= 1 << draw.randrange(8)
        elif kind == "set":
            data[place : place + 1] = draw.choice([b"\0", b"\x7f", b"\x80", b"\xff", draw.randbytes(1)])
        elif kind == "in":
            data[place:place] = draw.randbytes(draw.choice([1, 2, 4, 40]))
        elif kind == "out":
            del data[place : place + draw.choice([1, 2, 4, 40])]
        elif kind == "twice":
            data[place:place] = data[place : place + draw.choice([8, 64, 1024])]
        elif kind == "extreme":
            data[place : place + 4] = draw.choice(EXTREME)
        elif kind == "cut" and draw.random() < 0.3:
            del data[place:]
    return bytes(data)


def outcome(name, file, **options):
    """`read`, or `refused` with one line that names the file."""
    begun = time.monotonic()
    try:
        data = registry.find("data", name)(**options)
    except LotteryError as error:
        assert len(str(error).splitlines()) == 1, error
        assert len(str(error)) < 1000
        assert str(file) in str(error), error
        result = "refused"
    else:
        assert (data.train_images.dtype, data.train_images.ndim) == (torch.uint8, 4)
        assert len(data.train_images) == len(data.train_labels) > 0
        assert data.train_images.shape[1:] == data.test_images.shape[1:]
        assert 0 <= int(data.train_labels.min()) <= int(data.train_labels.max()) < data.classes
        result = "read"
    assert time.monotonic() - begun < 30
    return result


def fuzz(count, one):
    """Try `one` so many times, each with a draw of its own, and count what it gives."""
    outcomes = collections.Counter()
    for seed in range(count):
        try:
            outcomes[one(random.Random(seed))] += 1
        except BaseException:
            print(f"\nseed {seed}")
            raise
    print(f"\nfiles changed at random: {dict(outcomes)}")
    assert min(outcomes["read"], outcomes["refused"]) > count // 20


def fuzz_images(count, folder):
    kinds = images()
    for split in ("train", "test"):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            (folder / split / name / "0.png").write_bytes(kinds["png"])
    file = folder / "train" / "b" / "changed.png"

    def one(draw):
        file.write_bytes(changed(kinds[draw.choice(sorted(kinds))], draw))
        return outcome(
            "image_folder", file, root=str(folder), size=draw.choice([None, 8, 8, 8]), grey=draw.random() < 0.3
        )

    fuzz(count, one)


def fuzz_idx(count, folder):
    folder = folder / "MNIST" / "raw"
    folder.mkdir(parents=True)
    whole = {
        f"{split}-{kind}-idx{dimensions}-ubyte{suffix}": idx(*(20, 6, 6)[:dimensions])
        for split, suffix in (("train", ""), ("t10k", ".gz"))
        for kind, dimensions in (("images", 3), ("labels", 1))
    }

    def packed(name, content):
        return gzip.compress(content) if name.endswith(".gz") else content

    def one(draw):
        for name, content in whole.items():
            (folder / name).write_bytes(packed(name, content))
        name = draw.choice(sorted(whole))
        if draw.random() < 0.5:  # what is packed, or how it is packed
            content = packed(name, changed(whole[name], draw))
        else:
            content = changed(packed(name, whole[name]), draw)
        (folder / name).write_bytes(content)
        return outcome("mnist", folder / name.partition("-")[0], root=str(folder.parents[1]))  # or its partner is named

    fuzz(count, one)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_images_changed_at_random(tmp_path):
    fuzz_images(150, tmp_path)


def test_idx_files_changed_at_random(tmp_path):
    fuzz_idx(300, tmp_path)


@pytest.mark.slow
def test_thousands_of_images_changed_at_random(tmp_path):
    fuzz_images(5000, tmp_path)


@pytest.mark.slow
def test_thousands_of_idx_files_changed_at_random(tmp_path):
    fuzz_idx(10_000, tmp_path)
