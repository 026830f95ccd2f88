"""Data of the caller's own: from tensors, or from torch's data sets of images and labels."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lottery.data import Dataset
from lottery.data._image import eight_bits
from lottery.data._meant import ONE_EACH
from lottery.errors import LotteryError

_ARRAYS = (Tensor, np.ndarray)
_TENSORS = "lottery.Dataset.from_tensors(train_images, train_labels, test_images, test_labels)"


def given(data: object) -> Dataset:
    """Return what was handed over as a data set: a `lottery.Dataset`, or a pair of torch data sets (training, test).

    Raises:
        LotteryError: it is neither, or its tensors aren't what such data are made of.
    """
    if isinstance(data, Dataset):
        return checked(data)
    if isinstance(data, tuple | list) and len(data) == 2 and not any(isinstance(part, _ARRAYS) for part in data):
        train, test = (_collected(part, split) for part, split in zip(data, ("training", "test"), strict=True))
        return Dataset.from_tensors(*train, *test)
    arrays = isinstance(data, tuple | list) and any(isinstance(part, _ARRAYS) for part in data)
    what = "these are tensors or arrays" if arrays else f"this is a {type(data).__name__}"
    raise LotteryError(f"data: {what}; give {_TENSORS}, or a pair of torch data sets: (training, test)")


def checked(data: Dataset) -> Dataset:
    """Return a data set whose parts are what they have to be; raise LotteryError where they can't be made that."""
    found = Dataset.from_tensors(
        data.train_images, data.train_labels, data.test_images, data.test_labels, classes=data.classes
    )
    if not len(data.mean) == len(data.std) == found.shape[0]:
        raise LotteryError(f"data: mean and std are {ONE_EACH}")
    return replace(found, mean=tuple(map(float, data.mean)), std=tuple(map(float, data.std)))


def _collected(data: Any, split: str) -> tuple[Tensor, Tensor]:
    """Return the images, uint8 or floating-point, and labels of a torch data set."""
    try:
        items: Iterable[Any] = (
            (data[index] for index in range(len(data))) if hasattr(data, "__getitem__") else iter(data)
        )
    except TypeError:
        raise LotteryError(
            f"data: the {split} data are a {type(data).__name__}; give a torch data set of (image, label)"
        ) from None
    images, labels = list[Tensor](), list[int]()
    for index, item in enumerate(items):
        _refuse_other_forms(item, f"item {index} of the {split} data")
        try:
            image, label = item
            images.append(_image(image))
            labels.append(_label(label))
        except (TypeError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise LotteryError(
                f"data: item {index} of the {split} data is no pair of an image and a whole number ({reason})"
            ) from error
        if images[-1].shape != images[0].shape or images[-1].dtype != images[0].dtype:
            kinds = [
                f"{str(image.dtype).removeprefix('torch.')} {list(image.shape)}" for image in (images[-1], images[0])
            ]
            raise LotteryError(
                f"data: image {index} of the {split} data is {kinds[0]}, and the first one {kinds[1]}; make them alike"
            )
    if not images:
        raise LotteryError(f"data: the {split} data hold no image")
    return torch.stack(images), torch.tensor(labels)


def _refuse_other_forms(item: object, what: str) -> None:
    """Raise LotteryError where an item of a data set is of another form than a pair, and it is known what to do."""
    if isinstance(item, Mapping):
        keys = ", ".join(str(key)[:40] for key in [*item][:10])
        raise LotteryError(f"data: {what} is a dict with keys {keys}; return (image, label)")
    if isinstance(item, _ARRAYS):
        raise LotteryError(f"data: {what} is no pair (image, label); of tensors or arrays make {_TENSORS}")


def _label(label: Any) -> int:
    """Return a label as an int; raise ValueError where it is no whole number."""
    number = int(label)
    if number != label:
        raise ValueError(f"the label is {label!r}")
    return number


def _image(image: object) -> Tensor:
    """Return one image as `[C, H, W]`: of Pillow as uint8, grey or of three colours; a tensor or an array as it is."""
    if isinstance(image, Image.Image):
        grey = image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;")
        pixels = np.array(eight_bits(image, grey))
        return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)
    tensor = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image))
    if tensor.dim() not in (2, 3):
        raise ValueError(f"the image is {list(tensor.shape)}, not [C, H, W]")
    return tensor.detach().cpu().reshape(-1, *tensor.shape[-2:])
