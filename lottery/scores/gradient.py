"""This score prunes by the gradient alone."""

import torch
from torch import Tensor

from lottery.config.values import Count
from lottery.networks.subject import Subject, leaves

TRAITS = {"data"}


def gradient(
    subject: Subject,
    generator: torch.Generator,  # noqa: ARG001
    *,
    batch: Count = 100,
    batch_statistics: bool = False,
) -> dict[str, Tensor]:
    """Rate by |dL/dw| on one batch, whatever the weight: a control, reported to do worse than random pruning.

    L is the loss without smoothing; the gradient is that of the weight as it stands in the network.

    Args:
        batch: training images.
        batch_statistics: normalise by the statistics of the batch, as in training, not by the running ones.
    """
    weights = leaves(subject.weights)
    images, labels = subject.images(batch)
    loss = subject.loss(subject.outputs(weights, images, train=batch_statistics), labels)
    slopes = torch.autograd.grad(loss, list(weights.values()))
    return {name: slope.abs() for name, slope in zip(weights, slopes, strict=True)}
