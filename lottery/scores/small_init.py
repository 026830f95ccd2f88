"""Pruning what began large."""

import torch
from torch import Tensor

from lottery.scores import Subject

TRAITS = {"trained"}


def small_init(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """The absolute value at initialization, negated: a control that keeps what began small (Zhou et al. 2019).

    Args:
        subject: the network, trained.
        generator: not used.
    """
    initial = subject.trained_from()
    return {name: -initial[name].abs() for name in subject.weights}
