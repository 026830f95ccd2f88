"""Pruning what began small or ended small."""

import torch
from torch import Tensor

from lottery.scores import Subject
from lottery.values import Positive

TRAITS = {"trained"}


def large_init_large_final(subject: Subject, generator: torch.Generator, *, alpha: Positive = 1.0) -> dict[str, Tensor]:  # noqa: ARG001
    """min(alpha |final|, |initial|): keeps what began and ended large (Zhou et al. 2019).

    Args:
        subject: the network, trained.
        generator: not used.
        alpha: factor on the final weight's absolute value.
    """
    initial = subject.trained_from()
    return {name: torch.minimum(alpha * final.abs(), initial[name].abs()) for name, final in subject.weights.items()}
