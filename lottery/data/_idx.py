"""MNIST and its relatives are read without the help of torchvision, which takes seconds to import."""

import hashlib
import math
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lottery.data import Dataset, blank
from lottery.data._download import Missing
from lottery.data._files import damaged, folder, one_of, reading, regular
from lottery.errors import LotteryError

_CLASSES = 10
_FILES: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {
    ("train", "images"): ("train-images-idx3-ubyte", (60_000, 28, 28)),
    ("train", "labels"): ("train-labels-idx1-ubyte", (60_000,)),
    ("test", "images"): ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", (10_000,)),
}
"""Names and shapes of the published files."""
_LARGEST = 1 << 30
"""Bytes of a file, packed or not: twenty times the largest of MNIST."""


def load(name: str, root: str, mean: float, std: float, md5: Mapping[str, str]) -> Dataset:
    """Return the data set that torchvision calls `name`, from `root/name/raw`, `root/raw`, or `root` itself.

    Files of another size than the published ones may hold other data of ten classes.

    Args:
        name: torchvision's name for the data set, `MNIST` or `FashionMNIST`.
        root: folder of data sets, or of this one, or of its files.
        mean: of the training pixels, in units of 0..1.
        std: standard deviation of the training pixels, in units of 0..1.
        md5: file name -> checksum of the published file, unpacked.

    Raises:
        Missing: there are no such files.
        LotteryError: a file is damaged, or they don't belong together, or there are files in several of these folders.
    """
    with reading():
        found = _find(name, folder(root))
        parts = {key: _read(found[key], shape, md5[file]) for key, (file, shape) in _FILES.items()}
    for split in ("train", "test"):
        images, labels = parts[split, "images"], parts[split, "labels"]
        if len(images) != len(labels):
            raise LotteryError(
                f"{found[split, 'images']} holds {len(images):,} images, and {found[split, 'labels'].name} "
                f"{len(labels):,} labels; put files there that belong together"
            )
        if (most := int(labels.max())) >= _CLASSES:
            raise damaged(found[split, "labels"], f"has a label {most}, and those of {name} are 0 to {_CLASSES - 1}")
    train, test = parts["train", "images"], parts["test", "images"]
    if train.shape[1:] != test.shape[1:]:
        raise LotteryError(
            f"{found['test', 'images']} holds images of another size than {found['train', 'images'].name}; put files "
            "there that belong together"
        )
    return Dataset(
        train.unsqueeze(1), parts["train", "labels"].long(), test.unsqueeze(1), parts["test", "labels"].long(),
        _CLASSES, (mean * 255,), (std * 255,),
    )  # fmt: skip


def _find(name: str, root: Path) -> dict[tuple[str, str], Path]:
    """Return the files, unpacked or else packed; raises Missing, or LotteryError where several folders have some."""
    usual = _usual(name, root)
    names = [f"{file}{packed}" for file, _ in _FILES.values() for packed in ("", ".gz")]
    there = (
        folder
        for folder in (usual, root / name / "raw", root / "raw", root)
        if any((folder / file).exists() for file in names)
    )
    where = one_of(there, root, name) or usual
    candidates = {key: (where / file, where / f"{file}.gz") for key, (file, _) in _FILES.items()}
    found = {key: path for key, paths in candidates.items() for path in reversed(paths) if path.exists()}
    missing = {candidates[key][1].name for key in _FILES if key not in found}

    def published(source: Any) -> list[tuple[list[str], str]]:
        return [([base + file for base in source.mirrors], md5) for file, md5 in source.resources if file in missing]

    if missing:
        looked_for = f"{', '.join(file for file, _ in _FILES.values())} (or the same as .gz)"
        sketch = partial(blank, 60_000, 10_000, (1, 28, 28), _CLASSES)
        raise Missing(name, root, where, looked_for, published, sketch, unpack=True)
    return found


def _usual(name: str, root: Path) -> Path:
    """Return the folder that files are downloaded to: `name/raw` in `root`, which may name one or both of these."""
    if root.parts[-2:] == (name, "raw"):
        return root
    return root / "raw" if root.name == name else root / name / "raw"


def _read(file: Path, published: tuple[int, ...], md5: str) -> Tensor:
    """Return an IDX file of unsigned bytes, of as many dimensions as the published one of this shape and checksum.

    The header is read first, and then at most what it promises.
    """
    regular(file, _LARGEST)
    header = 4 + 4 * len(published)
    start = _start(file, header)
    if len(start) < header or start[:4].tolist() != [0, 0, 8, len(published)]:
        raise damaged(file, f"is not an IDX file of bytes, or is cut short (no header of {len(published)} dimensions)")
    shape = start[4:].view(">u4").tolist()
    size = header + math.prod(shape)
    if size == header or size > _LARGEST:
        raise damaged(file, f"says that it holds {'x'.join(map(str, shape))} bytes")
    content = _start(file, size + 1)
    if len(content) < size:
        raise damaged(file, "is not an IDX file of bytes, or is cut short")
    if len(content) > size:
        raise damaged(file, "is longer than its header says")
    if shape == list(published) and hashlib.md5(content.data, usedforsecurity=False).hexdigest() != md5:
        raise damaged(
            file, "is as large as the published file, and has another checksum: damaged, or another data set's"
        )
    return torch.from_numpy(content[header:]).view(shape)


def _start(file: Path, most: int) -> np.ndarray:
    """Return the first bytes of a file, at most so many; of a .gz, of what is packed in it."""
    if file.suffix != ".gz":
        return np.fromfile(file, np.uint8, count=most)
    inflate = zlib.decompressobj(wbits=31)
    try:
        start = inflate.decompress(file.read_bytes(), most)
    except zlib.error as error:
        raise damaged(file, f"can't be unpacked ({error})") from error
    if len(start) < most and not inflate.eof:
        raise damaged(file, "is cut short")
    return np.frombuffer(bytearray(start), np.uint8)
