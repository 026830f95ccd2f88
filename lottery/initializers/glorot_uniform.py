"""Glorot initialization draws from a uniform distribution here."""

import torch
from torch import Tensor, nn


def glorot_uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draw from U(-b, b) with b = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010), fans including the kernel."""
    return nn.init.xavier_uniform_(torch.empty(shape), generator=generator)
