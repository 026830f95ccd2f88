"""Any folder of images may be learnt."""

import hashlib
import math
import os
import stat
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from lottery import words
from lottery.config.values import Folder
from lottery.data import Dataset, moments
from lottery.data._files import folder, reading, regular
from lottery.data._image import LARGEST, SIDE, decode
from lottery.devices import free_memory
from lottery.errors import LotteryError, RunFailed
from lottery.store import files
from lottery.store.tensor_files import read_tensors, write_tensors
from lottery.streams import message

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_DECODING = 2
"""Number of the way in which images are decoded: another one doesn't find what this one has kept."""


def image_folder(
    *, root: Folder, size: Annotated[int, Field(ge=1, le=SIDE)] | None = None, grey: bool = False
) -> Dataset:
    """Load your own images: `root/train/CLASS/*` and `root/test/CLASS/*`, decoded once and kept as a tensor file.

    Args:
        root: folder that holds `train` and `test`, each with the same folders of classes.
        size: pixels a side; images are scaled and cropped in the centre to it. Needed where they differ in size.
        grey: one channel in place of three.

    Raises:
        LotteryError: there is no such tree, its two halves differ in classes, an image can't be decoded, or memory
            can't hold them.
    """
    with reading():
        where = folder(root)
        splits = {split: _scan(where / split) for split in ("train", "test")}
        classes = list(splits["train"])
        if odd := sorted(set(classes) ^ set(splits["test"])):
            raise LotteryError(f"{where}: train and test don't have the same classes: {_some(odd)} in one only")
        if len(classes) == 1:
            raise LotteryError(f"{where} has one class only, {classes[0]}; there is something to learn from two on")
        tensors = _cached(where, splits, size, grey)
    mean, std = moments(tensors["train_images"])
    return Dataset(**tensors, classes=len(classes), mean=mean, std=std)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'}"


def _scan(split: Path) -> dict[str, list[Path]]:
    """Return class name -> images, both sorted by name."""
    if not split.is_dir():
        raise LotteryError(
            f"{split} is not there; name a folder of train/CLASS/*.jpg and test/CLASS/*.jpg by --set data.root=FOLDER"
        )
    found = {
        entry.name: sorted(path for path in entry.iterdir() if path.suffix.lower() in _SUFFIXES)
        for entry in sorted(split.iterdir())
        # A class behind a broken link is not left out without a word: looking at it raises OSError.
        if not entry.name.startswith(".") and stat.S_ISDIR(entry.stat().st_mode)
    }
    empty = [name for name, images in found.items() if not images]
    if not found or empty:
        raise LotteryError(f"{split / empty[0] if empty else split} holds no {'images' if empty else 'class folders'}")
    return found


def _cached(root: Path, splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool) -> dict[str, Tensor]:
    """Return the decoded tensors, from the cache if these very files have been decoded before."""
    listing = hashlib.sha256(repr((_DECODING, str(root.resolve()), size, grey)).encode())
    for path in _paths(splits):
        status = regular(path, LARGEST)
        listing.update(repr((str(path.relative_to(root)), status.st_size, status.st_mtime_ns)).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lottery"
    file = cache / f"{listing.hexdigest()[:32]}.safetensors"
    if file.exists():
        try:
            return read_tensors(file)
        except LotteryError as error:
            message(f"{error}: decoding again")
    tensors = _decoded(root, splits, size, grey, file)
    try:
        files.make_folders(Path(file.anchor), file.parent)
        write_tensors(file, tensors)
    except RunFailed as error:
        message(f"{str(error).splitlines()[0]} Next time they are decoded again.")
    return tensors


def _paths(splits: dict[str, dict[str, list[Path]]]) -> Iterable[Path]:
    return (path for classes in splits.values() for images in classes.values() for path in images)


def _decoded(
    root: Path, splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool, file: Path
) -> dict[str, Tensor]:
    """Return images and labels of both splits, if memory can hold them."""
    count = sum(1 for _ in _paths(splits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a decoder's remarks on an image that it has decoded
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        height, width, channels = shape = decode(next(iter(_paths(splits))), size, grey).shape
        needed, free = 2 * count * math.prod(shape), free_memory(torch.device("cpu"))  # and a copy to train from
        if needed > free:
            raise LotteryError(
                f"{root}: {count:,} images of {height}x{width} take {words.of_bytes(needed)}, and "
                f"{words.of_bytes(free)} of memory are free; set data.size to scale them down"
            )
        message(f"decoding {count:,} images of {root} into {file}")
        tensors: dict[str, Tensor] = {}
        for split, classes in splits.items():
            paths = [path for images in classes.values() for path in images]
            tensors[f"{split}_images"] = _decode(paths, (channels, height, width), size, grey)
            counts = torch.tensor([len(images) for images in classes.values()])
            tensors[f"{split}_labels"] = torch.repeat_interleave(counts)
    return tensors


def _decode(paths: list[Path], shape: tuple[int, int, int], size: int | None, grey: bool) -> Tensor:
    """Return uint8 `[N, C, H, W]`; Pillow decodes outside Python's lock, so threads help."""
    images = torch.empty(len(paths), *shape, dtype=torch.uint8)
    rows = images.numpy()

    def one(index: int) -> None:
        image = decode(paths[index], size, grey).transpose(2, 0, 1)
        if image.shape != shape:
            found, first = (f"{height}x{width}" for _, height, width in (image.shape, shape))
            raise LotteryError(
                f"{paths[index]} is {found} and the first image {first}; set data.size to scale all to one size"
            )
        rows[index] = image

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(one, range(len(paths))):
            pass
    return images
