"""Adam."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.values import Momentum, NonNegative, Positive


def adam(
    weights: Sequence[Tensor],
    *,
    lr: Positive = 1e-3,
    beta_1: Momentum = 0.9,
    beta_2: Momentum = 0.999,
    epsilon: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient, of every parameter."""
    return torch.optim.Adam(weights, lr=lr, betas=(beta_1, beta_2), eps=epsilon, weight_decay=weight_decay, fused=True)
