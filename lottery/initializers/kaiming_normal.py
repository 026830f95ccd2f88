"""Kaiming initialization draws from a normal distribution here."""

import torch
from torch import Tensor, nn


def kaiming_normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 2 / fan_in) (He et al. 2015), fans including the kernel."""
    return nn.init.kaiming_normal_(torch.empty(shape), nonlinearity="relu", generator=generator)
