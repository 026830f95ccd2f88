"""CIFAR-100 is read from its archive."""

from lottery.config.values import Folder
from lottery.data import Dataset
from lottery.data._cifar import Archive, load

ARCHIVE = Archive(
    name="CIFAR100",
    file="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    folder="cifar-100-binary",
    train={"train.bin": "6172c7755cfe09b2fe270c85cebc1b15"},
    test={"test.bin": "4499cfba6c016c1be1438163640a0898"},
    labels=2,  # of the twenty superclasses, then of the class
    classes=100,
)


def cifar100(*, root: Folder = "data") -> Dataset:
    """Load 50,000 + 10,000 photographs, 32x32 pixels in colour, 100 classes (Krizhevsky 2009).

    Args:
        root: folder that holds cifar-100-binary or its archive, or that of the files themselves; what is missing
            is downloaded.
    """
    return load(ARCHIVE, root)
