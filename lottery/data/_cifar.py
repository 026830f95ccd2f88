"""CIFAR is read in its binary version, of records: the usual one is pickled, and pickles run code."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lottery.data import Dataset, blank, moments
from lottery.data._download import Missing
from lottery.data._files import damaged, folder, one_of, reading, regular
from lottery.errors import LotteryError

_LARGEST = 1 << 28
"""Bytes of a file; the archives have 170,052,171 and 168,513,733."""
_SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Archive:
    """An archive is what was published.

    Attributes:
        name: torchvision's name for the data set, `CIFAR10` or `CIFAR100`.
        file: name of the archive.
        md5: its checksum.
        folder: what it unpacks to.
        train: file in it -> checksum, of the training data in their order.
        test: the same, of the test data.
        labels: bytes of labels in front of each image; the last of them is the class.
        classes: number of classes.
    """

    name: str
    file: str
    md5: str
    folder: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    labels: int
    classes: int


def load(archive: Archive, root: str) -> Dataset:
    """Return the data set, from the archive in `root` or from what it has been unpacked to, which may be `root` itself.

    Raises:
        Missing: neither is there.
        LotteryError: a file doesn't have the published checksum, or files lie both in `root` and in a folder there.
    """
    where = folder(root)
    named = where.name == archive.folder  # the folder of the files, which lies beside the archive
    usual, checksums = where.parent if named else where, {**archive.train, **archive.test}
    with reading():
        there = [unpacked for unpacked in (usual / archive.folder, where / archive.folder) if unpacked.exists()]
        if any((where / name).exists() for name in checksums):
            there.append(where)
        unpacked, packed = one_of(there, where, archive.name), usual / archive.file
        if unpacked:
            whole = unpacked if unpacked.name == archive.folder else None  # another folder may hold what isn't ours
            contents = {name: _checked(unpacked / name, md5, whole) for name, md5 in checksums.items()}
        elif packed.exists():
            contents = _members(_checked(packed, archive.md5), archive)
        else:
            raise _missing(archive, usual)
    train_images, train_labels = _records(archive, [contents[name] for name in archive.train])
    test_images, test_labels = _records(archive, [contents[name] for name in archive.test])
    mean, std = moments(train_images)
    return Dataset(train_images, train_labels, test_images, test_labels, archive.classes, mean, std)


def _missing(archive: Archive, root: Path) -> Missing:
    def published(source: Any) -> list[tuple[list[str], str]]:
        return [([source.url.removesuffix(source.filename) + archive.file], archive.md5)]

    looked_for = f"{archive.folder} or {archive.file}, the binary version: the one for Python is pickled, and not read"
    sketch = partial(blank, 50_000, 10_000, _SHAPE, archive.classes)
    return Missing(archive.name, root, root, looked_for, published, sketch)


def _checked(file: Path, md5: str, whole: Path | None = None) -> bytes:
    """Return the bytes of a file, or of one of the `whole`, if they are the published ones."""
    if not file.exists() and whole is None:
        raise LotteryError(f"{file} is missing; put it there, or set data.root to another folder")
    if not file.exists():
        raise damaged(file, "is missing", whole)
    regular(file, _LARGEST)
    content = file.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise damaged(file, "doesn't have the published checksum", whole)
    return content


def _members(packed: bytes, archive: Archive) -> dict[str, bytes]:
    """Return file name -> content of the archive's files of records; nothing is written."""
    wanted = {f"{archive.folder}/{name}": name for name in (*archive.train, *archive.test)}
    with tarfile.open(fileobj=io.BytesIO(packed)) as members:
        return {wanted[member.name]: _content(members, member) for member in members if member.name in wanted}


def _content(members: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = members.extractfile(member)
    assert file is not None  # the archive is the published one, and in it this is a file
    return file.read()


def _records(archive: Archive, contents: Iterable[bytes]) -> tuple[Tensor, Tensor]:
    """Return images uint8 `[N, 3, 32, 32]` and labels int64 `[N]` of files of records, one after the other."""
    width = archive.labels + int(np.prod(_SHAPE))
    records = [np.frombuffer(content, np.uint8).reshape(-1, width) for content in contents]
    images = np.concatenate([part[:, archive.labels :] for part in records]).reshape(-1, *_SHAPE)
    labels = np.concatenate([part[:, archive.labels - 1] for part in records]).astype(np.int64)
    return torch.from_numpy(images), torch.from_numpy(labels)
