"""AdamW."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.values import Momentum, NonNegative, Positive


def adamw(
    weights: Sequence[Tensor],
    *,
    lr: Positive = 1e-3,
    beta_1: Momentum = 0.9,
    beta_2: Momentum = 0.999,
    epsilon: Positive = 1e-8,
    weight_decay: NonNegative = 1e-2,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay, of every parameter (Loshchilov & Hutter 2019)."""
    return torch.optim.AdamW(weights, lr=lr, betas=(beta_1, beta_2), eps=epsilon, weight_decay=weight_decay, fused=True)
