"""These handwritten digits come with scikit-learn."""

import torch

from lottery.data import Dataset, moments


def digits() -> Dataset:
    """Load 1,797 images of 8x8 pixels, 10 classes (Alpaydin & Kaynak 1998), 360 of them test data. Needs no files."""
    from sklearn.datasets import load_digits  # a second of imports, only where it is used

    source = load_digits()
    # Pixels are 0..16; 15 times that fills a byte.
    images = torch.from_numpy(source.images * 15).to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(source.target).long()
    # The set has no test split of its own: this one is part of its definition, the same for every seed.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    test, train = order[:360], order[360:]
    mean, std = moments(images[train])
    return Dataset(images[train], labels[train], images[test], labels[test], 10, mean, std)
