"""CIFAR-10 is read from its archive."""

from lottery.config.values import Folder
from lottery.data import Dataset
from lottery.data._cifar import Archive, load

ARCHIVE = Archive(
    name="CIFAR10",
    file="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder="cifar-10-batches-bin",
    train={
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    },
    test={"test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d"},
    labels=1,
    classes=10,
)


def cifar10(*, root: Folder = "data") -> Dataset:
    """Load 50,000 + 10,000 photographs, 32x32 pixels in colour, 10 classes (Krizhevsky 2009).

    Args:
        root: folder that holds cifar-10-batches-bin or its archive, or that of the files themselves; what is
            missing is downloaded.
    """
    return load(ARCHIVE, root)
