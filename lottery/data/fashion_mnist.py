"""Fashion-MNIST."""

from lottery.data import Dataset
from lottery.data._idx import load


def fashion_mnist(*, root: str = "data") -> Dataset:
    """60,000 + 10,000 pictures of clothing, 28x28 grey pixels, 10 classes (Xiao et al. 2017)."""
    return load("FashionMNIST", root, mean=0.2860, std=0.3530)
