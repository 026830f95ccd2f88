"""MNIST is read from its IDX files."""

from lottery.config.values import Folder
from lottery.data import Dataset
from lottery.data._idx import load

_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def mnist(*, root: Folder = "data") -> Dataset:
    """Load 60,000 + 10,000 handwritten digits, 28x28 grey pixels, 10 classes (LeCun et al. 1998).

    Args:
        root: folder that holds MNIST/raw, or that of the files themselves; what is missing is downloaded.
    """
    return load("MNIST", root, mean=0.1307, std=0.3081, md5=_MD5)
