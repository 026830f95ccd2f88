"""Glorot initialization draws from a normal distribution here."""

import torch
from torch import Tensor, nn


def glorot_normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 2 / (fan_in + fan_out)) (Glorot & Bengio 2010), fans including the kernel."""
    return nn.init.xavier_normal_(torch.empty(shape), generator=generator)
