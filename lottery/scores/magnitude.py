"""Magnitude pruning."""

from collections.abc import Mapping

import torch
from torch import Tensor


def magnitude(weights: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """The weight's absolute value (Han et al. 2015).

    Args:
        weights: name -> weight, any shape.
        generator: not used.
    """
    return {name: weight.abs() for name, weight in weights.items()}
