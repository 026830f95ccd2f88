"""This score prunes what has hardly moved."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject

TRAITS = {"trained"}


def movement(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by |final - initial|: keeps what training has moved furthest (Zhou et al. 2019).

    Not the movement pruning of Sanh et al. (2020), which sums weight times gradient over training.
    """
    initial = subject.trained_from()
    return {name: (final - initial[name]).abs() for name, final in subject.weights.items()}
