"""Data sets: `data_set(*, options)` returns images and labels, whole, in memory.

It writes nothing: where published files are missing it raises `Missing`, which can fetch them.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from lottery.data._meant import refuse_alike, refuse_other_units
from lottery.data._tensors import as_images, as_labels
from lottery.errors import LotteryError
from lottery.store.parts import CLASSES


@dataclass(frozen=True)
class Dataset:
    """A data set has labelled images, already split into training and test data.

    Images are uint8 `[N, C, H, W]`, labels int64 `[N]` in `0..classes - 1`; `mean` and `std` are per channel, in the
    units of the images (0..255), of the training data; `(0.0,), (1.0,)` leaves images of one channel as they are.

    Raises:
        LotteryError: `mean` and `std` are no numbers, or of images in 0..1, which these aren't.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a mean and deviation in other units: images would be hundreds of deviations from the mean."""
        refuse_other_units(self.train_images, self.mean, self.std)

    @classmethod
    def from_tensors(
        cls, train_images: object, train_labels: object, test_images: object, test_labels: object, classes: int = 0
    ) -> Self:
        """Return a data set of tensors or arrays, with mean and standard deviation of its training images.

        Args:
            train_images: `[N, C, H, W]` or `[N, H, W]`: whole numbers 0..255, or floating-point ones 0..1, which are
                rounded to 255ths.
            train_labels: whole numbers `[N]`, from 0 on.
            test_images: as those for training.
            test_labels: as those for training.
            classes: number of classes, where there are more than the training labels show.

        Raises:
            LotteryError: they are something else; the message says which, and what to do.
        """
        images = [as_images(train_images, "training"), as_images(test_images, "test")]
        labels = [as_labels(train_labels, "training"), as_labels(test_labels, "test")]
        for split, some, own in zip(("training", "test"), images, labels, strict=True):
            if not len(some) == len(own) > 0:
                raise LotteryError(f"data: {len(some)} {split} images and {len(own)} labels; give each image its label")
        shapes = [tuple(some.shape[1:]) for some in images]
        if shapes[0] != shapes[1]:
            raise LotteryError(f"data: training images are {shapes[0]} and test images {shapes[1]}; make them alike")
        there = set(labels[0].tolist())
        count = _whole(classes) or max(there) + 1
        if len(there) < count and not classes:
            lacking = next(label for label in range(count) if label not in there)
            raise LotteryError(
                f"data: no training image is of class {lacking}; number classes from 0 on, or give "
                f"lottery.Dataset.from_tensors(..., classes={count})"
            )
        highest = int(max(own.max() for own in labels))
        if not max(2, highest + 1) <= count <= CLASSES:
            raise LotteryError(
                f"data: labels go up to {highest}, of {count} classes; there have to be more, two at least, and at "
                f"most {CLASSES:,}"
            )
        refuse_alike(images[0])
        mean, std = moments(images[0])
        return cls(images[0], labels[0], images[1], labels[1], count, mean, std)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, height and width of an image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width


def _whole(classes: object) -> int:
    """Return a number of classes; raise LotteryError where it is none."""
    try:
        return operator.index(classes)  # type: ignore[arg-type]  # of what is none it raises TypeError
    except TypeError:
        raise LotteryError(f"data: classes is {repr(classes)[:40]}; give a whole number") from None


def blank(train: int, test: int, shape: tuple[int, int, int], classes: int) -> Dataset:
    """Return a data set of so many training and test images of nothing, for who asks what a study will cost."""
    images, labels = (
        [torch.zeros(count, *rest, dtype=kind) for count in (train, test)]
        for rest, kind in ((shape, torch.uint8), ((), torch.int64))
    )
    channels = shape[0]
    return Dataset(images[0], labels[0], images[1], labels[1], classes, (0.0,) * channels, (1.0,) * channels)


def moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of uint8 images `[N, C, H, W]`, in units of 0..255.

    A channel that never changes gets a standard deviation of 1, so that dividing by it is harmless.
    """
    counts = [channel.flatten().bincount(minlength=256).double() for channel in images.unbind(1)]
    means, deviations = [], []
    for count in counts:
        values = count.new_tensor(range(256))
        mean = (count @ values / count.sum()).item()
        means.append(mean)
        deviations.append((count @ (values - mean).square() / count.sum()).sqrt().item() or 1.0)
    return tuple(means), tuple(deviations)


def normalised(images: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return uint8 `[..., C, H, W]` as the float32 of this shape that networks are trained on.

    Args:
        mean: `[C, 1, 1]`, in units of 0..255, as `scale`.
        scale: one over the standard deviation, `[C, 1, 1]`.
    """
    return images.float().sub_(mean).mul_(scale)


def per_channel(values: Sequence[float], device: torch.device | None = None) -> Tensor:
    """Return a value for each channel as float32 `[C, 1, 1]`."""
    return torch.tensor(values, device=device).view(-1, 1, 1)
