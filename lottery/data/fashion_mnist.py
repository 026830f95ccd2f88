"""Fashion-MNIST is read from its IDX files."""

from lottery.config.values import Folder
from lottery.data import Dataset
from lottery.data._idx import load

_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def fashion_mnist(*, root: Folder = "data") -> Dataset:
    """Load 60,000 + 10,000 pictures of clothing, 28x28 grey pixels, 10 classes (Xiao et al. 2017).

    Args:
        root: folder that holds FashionMNIST/raw, or that of the files themselves; what is missing is downloaded.
    """
    return load("FashionMNIST", root, mean=0.2860, std=0.3530, md5=_MD5)
