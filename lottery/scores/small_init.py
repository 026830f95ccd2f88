"""This score prunes what began large."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject

TRAITS = {"trained"}


def small_init(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by the absolute value at initialization, negated: keeps what began small, a control (Zhou et al. 2019)."""
    initial = subject.trained_from()
    return {name: -initial[name].abs() for name in subject.weights}
