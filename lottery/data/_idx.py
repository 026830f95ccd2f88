"""The file format of MNIST and its relatives, read without the help of torchvision, which takes seconds to import."""

import gzip
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lottery.data import Dataset
from lottery.data._download import obtain

_FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


def load(name: str, root: str, mean: float, std: float) -> Dataset:
    """The data set that torchvision calls `name`, from `root/name/raw`, downloaded there if it is missing.

    Args:
        name: torchvision's name for the data set, `MNIST` or `FashionMNIST`.
        root: folder of data sets.
        mean: of the training pixels, in units of 0..1.
        std: standard deviation of the training pixels, in units of 0..1.

    Raises:
        LotteryError: a file is missing and can't be downloaded, or is damaged.
    """
    folder = Path(root) / name / "raw"

    def read() -> dict[tuple[str, str], Tensor]:
        return {key: _read(folder / file) for key, file in _FILES.items()}

    parts = obtain(name, root, read, looked_for=", ".join(_FILES.values()) + " (or the same as .gz)", where=folder)
    images = {split: parts[split, "images"].unsqueeze(1) for split in ("train", "test")}
    labels = {split: parts[split, "labels"].long() for split in ("train", "test")}
    return Dataset(images["train"], labels["train"], images["test"], labels["test"], 10, (mean * 255,), (std * 255,))


def _read(path: Path) -> Tensor:
    """One IDX file of unsigned bytes, or the same compressed; raises FileNotFoundError or ValueError."""
    if path.exists():
        raw = np.fromfile(path, np.uint8)
    else:
        with gzip.open(path.with_name(path.name + ".gz")) as file:
            raw = np.frombuffer(bytearray(file.read()), np.uint8)
    dimensions = int(raw[3]) if len(raw) > 3 else 0
    header, content = raw[: 4 + 4 * dimensions].tobytes(), raw[4 + 4 * dimensions :]
    shape = [int.from_bytes(header[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    if header[:3] != b"\0\0\x08" or len(content) != math.prod(shape):
        raise ValueError(f"{path} is not an IDX file of bytes, or is cut short")
    return torch.from_numpy(content).view(shape)
