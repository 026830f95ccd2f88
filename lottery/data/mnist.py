"""MNIST."""

from lottery.data import Dataset
from lottery.data._idx import load


def mnist(*, root: str = "data") -> Dataset:
    """60,000 + 10,000 handwritten digits, 28x28 grey pixels, 10 classes (LeCun et al. 1998)."""
    return load("MNIST", root, mean=0.1307, std=0.3081)
