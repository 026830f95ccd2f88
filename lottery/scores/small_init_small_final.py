"""Pruning what began large or ended large."""

import torch
from torch import Tensor

from lottery.scores import Subject
from lottery.values import Positive

TRAITS = {"trained"}


def small_init_small_final(subject: Subject, generator: torch.Generator, *, alpha: Positive = 1.0) -> dict[str, Tensor]:  # noqa: ARG001
    """-max(alpha |final|, |initial|): a control that keeps what began and ended small (Zhou et al. 2019).

    Args:
        subject: the network, trained.
        generator: not used.
        alpha: factor on the final weight's absolute value.
    """
    initial = subject.trained_from()
    return {name: -torch.maximum(alpha * final.abs(), initial[name].abs()) for name, final in subject.weights.items()}
