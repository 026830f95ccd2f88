"""CIFAR, read by torchvision, which checks the files' published checksums."""

from pathlib import Path
from typing import Any

import torch

from lottery.data import Dataset, moments
from lottery.data._download import obtain


def load(name: str, root: str, folder: str, classes: int) -> Dataset:
    """The data set that torchvision calls `name`, from `root/folder`, downloaded there if it is missing.

    Args:
        name: torchvision's name for the data set, `CIFAR10` or `CIFAR100`.
        root: folder of data sets.
        folder: name that the published archive unpacks to.
        classes: number of classes.

    Raises:
        LotteryError: a file is missing and can't be downloaded, or doesn't have the published checksum.
    """
    where = Path(root) / folder

    def read() -> tuple[Any, Any]:
        if not where.is_dir():
            raise FileNotFoundError(where)
        from torchvision import datasets

        try:
            return getattr(datasets, name)(root, train=True), getattr(datasets, name)(root, train=False)
        except RuntimeError as error:
            raise ValueError(f"{where} lacks files, or they don't have the published checksums") from error

    train, test = obtain(name, root, read, looked_for="the unpacked python version of the archive", where=where)
    images = {
        split: torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
        for split, part in (("train", train), ("test", test))
    }
    mean, std = moments(images["train"])
    return Dataset(
        images["train"], torch.tensor(train.targets), images["test"], torch.tensor(test.targets), classes, mean, std
    )
