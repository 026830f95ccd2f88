"""Kaiming initialization draws from a uniform distribution here."""

import torch
from torch import Tensor, nn


def kaiming_uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draw from U(-b, b) with b = sqrt(6 / fan_in) (He et al. 2015), fans including the kernel."""
    return nn.init.kaiming_uniform_(torch.empty(shape), nonlinearity="relu", generator=generator)
