"""What a data set must fulfil."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.differences import difference
from lottery.contracts.guards import twice, untouched
from lottery.data import Dataset, moments


def is_a_dataset(given: Candidate) -> str:
    """A data set is a `lottery.data.Dataset`: uint8 images [N, C, H, W] and int64 labels [N], for training and test."""
    found = given()
    require(
        isinstance(found, Dataset), f"it returns a {type(found).__name__}; return lottery.Dataset.from_tensors(...)"
    )
    for split, images, labels in _splits(found):
        for what, tensor, kind, axes in (("images", images, torch.uint8, 4), ("labels", labels, torch.int64, 1)):
            name = f"{split}_{what}"
            require(isinstance(tensor, Tensor), f"{name} is a {type(tensor).__name__}; make a tensor of it")
            remedy = (
                "scale them to 0..255 and round: (255 * images).round().to(torch.uint8)"
                if axes == 4
                else "write labels.long()"
            )
            require(tensor.dtype == kind, f"{name} is {tensor.dtype}; {remedy}")
            wanted = "[N, C, H, W]; write images.unsqueeze(1) where there is one channel" if axes == 4 else "[N]"
            require(tensor.dim() == axes, f"{name} has shape {tuple(tensor.shape)}, and has to have {wanted}")
            require(tensor.device.type == "cpu", f"{name} is on {tensor.device}; leave it on the CPU")
        require(len(images), f"{split}_images holds none; both splits need some")
        require(len(images) == len(labels), f"there are {len(images)} {split} images and {len(labels)} labels")
    shapes = [tuple(images.shape[1:]) for _, images, _ in _splits(found)]
    require(shapes[0] == shapes[1], f"training images are {shapes[0]} and test images {shapes[1]}; make them alike")
    size, count = "x".join(map(str, found.shape)), found.classes
    return f"{len(found.train_labels):,} training and {len(found.test_labels):,} test images, {size}, {count} classes"


def images_differ(given: Candidate) -> None:
    """Training images differ from each other: of images that are all alike there is nothing to learn."""
    images = given().train_images
    require(
        not all(torch.equal(image, images[0]) for image in images),
        "the training images are all the same; look at how they are read",
    )


def labels_are_classes(given: Candidate) -> None:
    """Labels go from 0 to classes - 1; there are two classes or more, each in training and in test data."""
    found: Dataset = given()
    require(found.classes >= 2, f"classes is {found.classes}; there is something to learn from two on")
    for split, _, labels in _splits(found):
        low, high = int(labels.min()), int(labels.max())
        inside = low >= 0 and high < found.classes
        require(
            inside,
            f"{split} labels go from {low} to {high}, and have to be in 0..{found.classes - 1}; number them anew",
        )
        lacking = sorted(set(range(found.classes)) - set(labels.unique().tolist()))
        require(
            not lacking, f"{split} data have no image of class {', '.join(map(str, lacking[:5]))}; split them by class"
        )


def moments_are_of_the_images(given: Candidate) -> None:
    """`mean` and `std` are of the training images, for each channel, in their units, 0..255."""
    found: Dataset = given()
    channels = found.shape[0]
    for name, values in (("mean", found.mean), ("std", found.std)):
        require(len(values) == channels, f"{name} has {len(values)} values for {channels} channels; write one for each")
    means, deviations = moments(found.train_images)
    for mean, std, own, deviation in zip(found.mean, found.std, means, deviations, strict=True):
        fits = std > 0 and abs(own - mean) <= deviation and 0.3 <= deviation / std <= 3
        require(
            fits,
            f"mean and std are {mean:.4g} and {std:.4g}, and of the training images {own:.4g} and {deviation:.4g}; "
            "write mean, std = lottery.data.moments(train_images), or make it by Dataset.from_tensors",
        )


def is_repeatable(given: Candidate) -> None:
    """A data set is the same whenever it is loaded, and leaves the global random state as it is."""
    place = difference(*twice(given), "dataset")
    require(
        not place, f"{place} is another one the second time; split by torch.Generator().manual_seed(0), and sort files"
    )
    with untouched():
        given()


def _splits(found: Dataset) -> Iterator[tuple[str, Tensor, Tensor]]:
    yield "train", found.train_images, found.train_labels
    yield "test", found.test_images, found.test_labels


CHECKS = (is_a_dataset, images_differ, labels_are_classes, moments_are_of_the_images, is_repeatable)
