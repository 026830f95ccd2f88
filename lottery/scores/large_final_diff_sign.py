"""This score prunes what has kept its sign."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject

TRAITS = {"trained"}


def large_final_diff_sign(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by max(0, -final * sign(initial)): keeps the largest of what changed sign, a control (Zhou et al. 2019).

    All weights that kept their sign score 0, and go before any that has not, in random order.
    """
    initial = subject.trained_from()
    return {name: (-final * initial[name].sign()).clamp(min=0) for name, final in subject.weights.items()}
