"""CIFAR-100."""

from lottery.data import Dataset
from lottery.data._cifar import load


def cifar100(*, root: str = "data") -> Dataset:
    """50,000 + 10,000 photographs, 32x32 pixels in colour, 100 classes (Krizhevsky 2009)."""
    return load("CIFAR100", root, "cifar-100-python", 100)
