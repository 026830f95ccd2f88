"""Any folder of images."""

import hashlib
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from lottery import files
from lottery.data import Dataset, moments
from lottery.errors import LotteryError, RunFailed
from lottery.values import Count

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def image_folder(*, root: str, size: Count | None = None, grey: bool = False) -> Dataset:
    """Your own images: `root/train/CLASS/*` and `root/test/CLASS/*`, decoded once and kept as a tensor file.

    Args:
        root: folder that holds `train` and `test`, each with the same folders of classes.
        size: pixels a side; images are scaled and cropped in the centre to it. Needed where they differ in size.
        grey: one channel in place of three.

    Raises:
        LotteryError: there is no such tree, its two halves differ in classes, or an image can't be decoded.
    """
    splits = {split: _scan(Path(root) / split) for split in ("train", "test")}
    classes = list(splits["train"])
    if classes != list(splits["test"]):
        odd = sorted(set(classes) ^ set(splits["test"]))
        raise LotteryError(f"{root}: train and test don't have the same classes: {', '.join(odd)} are in one only")
    tensors = _cached(Path(root), splits, size, grey)
    mean, std = moments(tensors["train_images"])
    return Dataset(**tensors, classes=len(classes), mean=mean, std=std)


def _scan(folder: Path) -> dict[str, list[Path]]:
    """Class name -> images, both sorted by name."""
    if not folder.is_dir():
        raise LotteryError(f"{folder} is not there; an image folder has train/CLASS/*.jpg and test/CLASS/*.jpg")
    found = {
        entry.name: sorted(path for path in entry.iterdir() if path.suffix.lower() in _SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".")
    }
    empty = [name for name, images in found.items() if not images]
    if not found or empty:
        raise LotteryError(
            f"{folder / empty[0] if empty else folder} holds no {'images' if empty else 'class folders'}"
        )
    return found


def _cached(root: Path, splits: dict[str, dict[str, list[Path]]], size: int | None, grey: bool) -> dict[str, Tensor]:
    """The decoded tensors, from the cache if these very files have been decoded before."""
    listing = hashlib.sha256(repr((str(root.resolve()), size, grey)).encode())
    for path in _paths(splits):
        status = path.stat()
        listing.update(repr((str(path.relative_to(root)), status.st_size, status.st_mtime_ns)).encode())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lottery"
    file = folder / f"{listing.hexdigest()[:32]}.safetensors"
    if file.exists():
        try:
            return files.read_tensors(file)
        except LotteryError as error:
            print(f"{error}: decoding again", file=sys.stderr)
    print(f"decoding {sum(1 for _ in _paths(splits)):,} images of {root} into {file}", file=sys.stderr)
    tensors: dict[str, Tensor] = {}
    for split, classes in splits.items():
        tensors[f"{split}_images"] = _decode([path for images in classes.values() for path in images], size, grey)
        tensors[f"{split}_labels"] = torch.repeat_interleave(torch.tensor([len(images) for images in classes.values()]))
    if tensors["train_images"].shape[1:] != tensors["test_images"].shape[1:]:
        raise LotteryError(f"{root}: training and test images differ in size; set data.size to scale them to one")
    try:
        files.write_tensors(file, tensors)
    except RunFailed as error:
        print(f"{str(error).splitlines()[0]} Next time they are decoded again.", file=sys.stderr)
    return tensors


def _paths(splits: dict[str, dict[str, list[Path]]]) -> Iterable[Path]:
    return (path for classes in splits.values() for images in classes.values() for path in images)


def _decode(paths: list[Path], size: int | None, grey: bool) -> Tensor:
    """uint8 `[N, C, H, W]`; Pillow decodes outside Python's lock, so threads help."""
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: _decode_one(path, size, grey), paths))
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise LotteryError(f"{paths[0].parent.parent}: the images differ in size; set data.size to scale them to one")
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def _decode_one(path: Path, size: int | None, grey: bool) -> np.ndarray:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise LotteryError(f"{path} can't be read as an image ({error}); remove it or replace it") from error
    if size is not None:
        upright = ImageOps.fit(upright, (size, size))
    return np.atleast_3d(np.asarray(upright))
