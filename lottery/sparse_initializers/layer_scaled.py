"""Weights are scaled by their layer's density."""

import math

import torch
from torch import Tensor


def layer_scaled(weight: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Mask the dense draw and divide it by the square root of the layer's density (Liu et al. 2019).

    On average over its units, the layer's inputs then add up to the variance that they have in the dense network. A
    layer without weights has zeros.
    """
    return weight * mask * math.sqrt(mask.numel() / max(int(mask.count_nonzero()), 1))
