"""Pruning the largest weights."""

import torch
from torch import Tensor

from lottery.scores import Subject


def small_final(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """The absolute value, negated: a control that keeps the smallest weights (Zhou et al. 2019).

    Args:
        subject: the network.
        generator: not used.
    """
    return {name: -weight.abs() for name, weight in subject.weights.items()}
