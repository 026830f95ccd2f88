"""This score prunes the smallest weights."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject

# The name it has among the mask criteria of Zhou et al. (2019).
VARIANTS: dict[str, dict[str, object]] = {"large_final": {}}


def magnitude(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by the weight's absolute value (Han et al. 2015)."""
    return {name: weight.abs() for name, weight in subject.weights.items()}
