"""Pruning what began small."""

import torch
from torch import Tensor

from lottery.scores import Subject

TRAITS = {"trained"}


def large_init(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """The weight's absolute value at initialization, whatever training made of it (Zhou et al. 2019).

    Args:
        subject: the network, trained.
        generator: not used.
    """
    initial = subject.trained_from()
    return {name: initial[name].abs() for name in subject.weights}
