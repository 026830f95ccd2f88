"""Weights are initialized as if nothing were pruned."""

import torch
from torch import Tensor


def dense(weight: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Mask the dense draw: what most sparse training starts from."""
    return weight * mask
