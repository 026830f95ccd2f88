"""Any folder of images may be learnt."""

import hashlib
import math
import stat
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from lottery import cache, words
from lottery.config.values import Folder
from lottery.data import Dataset, moments
from lottery.data._files import folder, reading, regular
from lottery.data._image import LARGEST, SIDE, decode, is_grey
from lottery.devices import free_memory
from lottery.errors import LotteryError
from lottery.streams import message

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_DECODING = 3
"""Number of the way in which images are decoded: another one doesn't find what this one has kept."""


def image_folder(
    *, root: Folder, size: Annotated[int, Field(ge=1, le=SIDE)] | None = None, grey: bool | None = None
) -> Dataset:
    """Load your own images: `root/train/CLASS/*` and `root/test/CLASS/*`, decoded once and kept as a tensor file.

    Args:
        root: folder that holds `train` and `test`, each with the same folders of classes.
        size: pixels a side; images are scaled and cropped in the centre to it. Needed where they differ in size.
        grey: one channel (true) or three (false); where nothing is said, one if all images have but one.

    Raises:
        LotteryError: there is no such tree, its two halves differ in classes, an image can't be decoded, or memory
            can't hold them.
    """
    with reading():
        where = folder(root)
        splits = {split: _scan(where / split) for split in ("train", "test")}
        classes = list(splits["train"])
        for split, other in (("test", "train"), ("train", "test")):
            if lacking := [name for name in splits[other] if name not in splits[split]]:
                raise LotteryError(f"{where / split} lacks {_some(lacking)}, which {where / other} has")
        if len(classes) == 1:
            raise LotteryError(f"{where} has one class only, {classes[0]}; there is something to learn from two on")
        tensors = _cached(where, splits, size, grey)
    mean, std = moments(tensors["train_images"])
    return Dataset(**tensors, classes=len(classes), mean=mean, std=std)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{'class' if len(names) == 1 else 'classes'} {', '.join(names[:3])}{more}"


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


def _cached(
    root: Path, splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool | None
) -> dict[str, Tensor]:
    """Return the decoded tensors, from the cache if these very files have been decoded before."""
    place = root.resolve()
    listing = hashlib.sha256(repr((_DECODING, str(place), size, grey)).encode())
    for path in _paths(splits):
        status = regular(path, LARGEST)
        listing.update(repr((str(path.relative_to(root)), status.st_size, status.st_mtime_ns)).encode())
    what = f"{sum(1 for _ in _paths(splits)):,} images of {place}"
    make, fits = partial(_decoded, root, splits, size, grey), partial(_fit, splits, size, grey)
    return cache.tensors(listing.hexdigest()[:32], what, make, fits)


def _paths(splits: dict[str, dict[str, list[Path]]]) -> Iterable[Path]:
    return (path for classes in splits.values() for images in classes.values() for path in images)


def _decoded(
    root: Path, splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool | None, file: Path | None
) -> dict[str, Tensor]:
    """Return images and labels of both splits, if memory can hold them; `file` is where they will be kept."""
    if grey is None:
        grey = all(is_grey(path) for path in _paths(splits))
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
        kept = "" if file is None else f" into {file}, once: `lottery cache` lists such files"
        message(f"decoding {count:,} images of {root}, {'grey' if grey else 'in colour'}{kept}")
        tensors: dict[str, Tensor] = {}
        for split, classes in splits.items():
            paths = [path for images in classes.values() for path in images]
            tensors[f"{split}_images"] = _decode(paths, (channels, height, width), size, grey)
            tensors[f"{split}_labels"] = _labels(classes)
    return tensors


def _labels(classes: dict[str, list[Path]]) -> Tensor:
    """Return the label of each image of a split, in the order of their decoding."""
    return torch.repeat_interleave(torch.tensor([len(images) for images in classes.values()]))


def _fit(
    splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool | None, found: Mapping[str, Tensor]
) -> bool:
    """Return whether tensors can be the images listed: as many, with their labels, of the shape of the first one."""
    if found.keys() != {f"{split}_{what}" for split in splits for what in ("images", "labels")}:
        return False
    channels = tuple(found["train_images"].shape[1:2])
    if channels not in ((1,), (3,)) or grey not in (None, channels == (1,)):
        return False
    height, width, _ = decode(next(iter(_paths(splits))), size, channels == (1,)).shape
    for split, classes in splits.items():
        images, labels, wanted = found[f"{split}_images"], found[f"{split}_labels"], _labels(classes)
        if (images.dtype, images.shape) != (torch.uint8, (len(wanted), *channels, height, width)):
            return False
        if labels.dtype != wanted.dtype or not torch.equal(labels, wanted):
            return False
    return True


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
