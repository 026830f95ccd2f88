"""This score is connection sensitivity."""

import torch
from torch import Tensor

from lottery.config.values import Count
from lottery.networks.subject import Subject
from lottery.scores.gradient import gradient

TRAITS = {"data"}


def snip(
    subject: Subject, generator: torch.Generator, *, batch: Count = 100, batch_statistics: bool = False
) -> dict[str, Tensor]:
    """Rate by |w dL/dw| on one batch: what the loss changes by, to first order, without the weight (Lee et al. 2019).

    As in the authors' code, batch normalisation is in evaluation mode; its running statistics are still 0 and 1 at
    initialization, so it does nothing. There biases are ranked too, and other weights than those that were scored are
    trained; here neither.

    Args:
        batch: training images.
        batch_statistics: normalise by the statistics of the batch, as in training, not by the running ones.
    """
    slopes = gradient(subject, generator, batch=batch, batch_statistics=batch_statistics)
    return {name: slopes[name] * weight.abs() for name, weight in subject.weights.items()}
