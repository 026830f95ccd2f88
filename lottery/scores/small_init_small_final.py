"""This score prunes what began large or ended large."""

import torch
from torch import Tensor

from lottery.config.values import Positive
from lottery.networks.subject import Subject

TRAITS = {"trained"}


def small_init_small_final(subject: Subject, generator: torch.Generator, *, alpha: Positive = 1.0) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by -max(alpha |final|, |initial|): keeps what began and ended small, a control (Zhou et al. 2019).

    Where it differs from the authors' is told, with numbers that hold for both, in `large_init_large_final`.

    Args:
        alpha: factor on the final weight's absolute value.
    """
    initial = subject.trained_from()
    return {name: -torch.maximum(alpha * final.abs(), initial[name].abs()) for name, final in subject.weights.items()}
