"""Stochastic gradient descent."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.values import Momentum, NonNegative, Positive


def sgd(
    weights: Sequence[Tensor],
    *,
    lr: Positive = 0.1,
    momentum: Momentum = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
) -> torch.optim.Optimizer:
    """SGD with momentum, Nesterov's by option; weight decay is added to the gradient, of every parameter."""
    return torch.optim.SGD(weights, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True)
