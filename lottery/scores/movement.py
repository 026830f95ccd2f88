"""Pruning what has hardly moved."""

import torch
from torch import Tensor

from lottery.scores import Subject

TRAITS = {"trained"}


def movement(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """|final - initial|: keeps what training has moved furthest (Zhou et al. 2019).

    Not the movement pruning of Sanh et al. (2020), which sums weight times gradient over training.

    Args:
        subject: the network, trained.
        generator: not used.
    """
    initial = subject.trained_from()
    return {name: (final - initial[name]).abs() for name, final in subject.weights.items()}
