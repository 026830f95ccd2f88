"""CIFAR-10."""

from lottery.data import Dataset
from lottery.data._cifar import load


def cifar10(*, root: str = "data") -> Dataset:
    """50,000 + 10,000 photographs, 32x32 pixels in colour, 10 classes (Krizhevsky 2009)."""
    return load("CIFAR10", root, "cifar-10-batches-py", 10)
