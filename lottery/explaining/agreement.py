"""How far networks answer alike, and how well what they are sure of is right: class scores in, numbers out."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F


def disagreement(first: Tensor, second: Tensor) -> float:
    """Return the share of inputs that two networks put into different classes (Fort et al. 2019).

    Args:
        first: the class that a network puts each into, int64 `[n]`.
        second: the other network's.
    """
    return float((first != second).double().mean())


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Return the share of inputs whose largest score `[n, classes]` is that of their label `[n]`."""
    return float((scores.argmax(-1) == labels).double().mean())


def ensemble(scores: Iterable[Tensor]) -> Tensor:
    """Return the log probabilities of networks that answer together, float64 `[n, classes]`: of their mean softmax.

    Args:
        scores: of each network, `[n, classes]`; one is asked for after the other.
    """
    total, count = torch.zeros((), dtype=torch.float64), 0
    for one in scores:
        total, count = total + one.double().softmax(-1), count + 1
    return (total / count).log()


def log_likelihood(scores: Tensor, labels: Tensor) -> float:
    """Return the mean negative log likelihood of labels `[n]`, in nats, by class scores `[n, classes]`."""
    return float(F.cross_entropy(scores.double(), labels))


def calibration_error(scores: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Return the expected calibration error: how far apart are being sure and being right (Guo et al. 2017).

    Inputs are put into bins of equal width by the probability of the class that they are put into; of each bin's mean
    probability and its share of right answers the absolute difference is taken, weighted by its share of inputs.

    Args:
        scores: `[n, classes]`; their softmax are the probabilities.
        labels: `[n]`.
        bins: between probabilities 0 and 1; each has its upper end.
    """
    sure, answers = scores.double().softmax(-1).max(-1)
    place = ((sure * bins).ceil().long() - 1).clamp(0, bins - 1)
    gap = (answers == labels).double() - sure
    return float(torch.zeros(bins, dtype=torch.float64).index_add(0, place, gap).abs().sum() / len(labels))
