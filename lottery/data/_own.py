"""Data of the caller's own: from tensors, or from torch's data sets of images and labels."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lottery.data import Dataset
from lottery.data._image import eight_bits
from lottery.errors import LotteryError


def given(data: object) -> Dataset:
    """Return what was handed over as a data set: a `lottery.Dataset`, or a pair of torch data sets (training, test).

    Raises:
        LotteryError: it is neither, or its tensors aren't what such data are made of.
    """
    if isinstance(data, Dataset):
        tensors = (data.train_images, data.train_labels, data.test_images, data.test_labels)
        checked = Dataset.from_tensors(*tensors, classes=data.classes)
        if not len(data.mean) == len(data.std) == checked.shape[0] or not all(value > 0 for value in data.std):
            raise LotteryError("data: mean and std are one number for each channel; Dataset.from_tensors finds them")
        return replace(checked, mean=tuple(data.mean), std=tuple(data.std))
    if isinstance(data, tuple | list) and len(data) == 2:
        train, test = (_collected(part, split) for part, split in zip(data, ("training", "test"), strict=True))
        return Dataset.from_tensors(*train, *test)
    raise LotteryError(
        f"data: {type(data).__name__} is no data set; give lottery.Dataset.from_tensors(train_images, train_labels, "
        "test_images, test_labels), or a pair of torch data sets: (training, test)"
    )


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
        try:
            image, label = item
            images.append(_image(image))
            labels.append(int(label))
        except (TypeError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
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
