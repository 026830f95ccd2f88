"""This score prunes the largest weights."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject


def small_final(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by the absolute value, negated: keeps the smallest weights, a control (Zhou et al. 2019)."""
    return {name: -weight.abs() for name, weight in subject.weights.items()}
