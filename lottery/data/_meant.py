"""Data that can be read and can't be meant are told so."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.errors import LotteryError
from lottery.store.parts import LARGEST, SMALLEST

ONE_EACH = "one number for each channel; lottery.Dataset.from_tensors finds them"
"""What a data set's mean and deviation have to be."""
_LOOKED_AT = 1000
"""Images whose units are found out."""


def refuse_alike(images: Tensor) -> None:
    """Raise LotteryError where training images `[N, C, H, W]` are all the same: it takes a look at two, mostly."""
    if all(torch.equal(image, images[0]) for image in images):
        what = "are all the same"
        if (images[0] == images[0].flatten()[0]).all():
            what = f"are {images[0].flatten()[0].item()} in every pixel"
        raise LotteryError(f"data: the training images {what}: there is nothing to learn; look at how they are read")


def refuse_other_units(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise LotteryError where mean and deviation can't be those of images in 0..255, uint8 `[N, C, H, W]`."""
    try:
        means, deviations = ([float(value) for value in given] for given in (mean, std))
    except (TypeError, ValueError, OverflowError):
        raise LotteryError(f"data: mean and std are {ONE_EACH}") from None
    within = all(abs(value) <= LARGEST for value in means)
    if not within or not all(SMALLEST <= value <= LARGEST for value in deviations):
        raise LotteryError(
            f"data: mean {', '.join(map(str, means))} and std {', '.join(map(str, deviations))}: each has to be a "
            f"number up to {LARGEST:g}, std from {SMALLEST:g} on; lottery.Dataset.from_tensors finds them"
        )
    left_as_they_are = {*means} == {0} and {*deviations} == {1}
    if left_as_they_are or max(0, 0, *means, *deviations) > 1 or not isinstance(images, Tensor):
        return
    if images.dim() != 4 or images.dtype != torch.uint8 or not (images[:_LOOKED_AT] > 1).any():
        return
    own = images[:_LOOKED_AT].transpose(0, 1).flatten(1).float().std(1, correction=0).tolist()
    if any(found > 10 * given for found, given in zip(own, deviations, strict=False)):  # dark images have small ones
        raise LotteryError(
            f"data: mean {means[0]:.4g} and std {deviations[0]:.4g} are of images in 0..1, and these are in "
            "0..255; give them in units of 0..255, or leave them to lottery.Dataset.from_tensors"
        )
