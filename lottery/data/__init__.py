"""Data sets: `data_set(*, options)` returns images and labels, whole, in memory.

It writes nothing: where published files are missing it raises `Missing`, which can fetch them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """A data set has labelled images, already split into training and test data.

    Images are uint8 `[N, C, H, W]`, labels int64 `[N]` in `0..classes - 1`; `mean` and `std` are per channel, in the
    units of the images (0..255), of the training data.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, height and width of an image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width


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
