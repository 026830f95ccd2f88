"""Stochastic gradient descent moves weights against the gradient."""

from torch import Tensor
from torch.optim.sgd import sgd as torch_sgd

from lottery.config.values import Momentum, NonNegative, Positive
from lottery.optimizers import Slots, slot


def sgd(
    weights: list[Tensor],
    gradients: list[Tensor],
    slots: Slots,
    factor: float | Tensor,
    *,
    lr: Positive = 0.1,
    momentum: Momentum = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
) -> None:
    """Take a step of SGD with momentum, Nesterov's by option; weight decay is added to every gradient.

    Args:
        slots: `momentum`, where there is any.
        lr: learning rate.
        momentum: of the gradients' moving sum.
        nesterov: look ahead by one step of momentum.
        weight_decay: of the loss term `weight_decay / 2 * sum(weight ** 2)`.
    """
    torch_sgd(
        weights,
        gradients,
        list(slot(slots, "momentum", weights)) if momentum else [None] * len(weights),
        fused=True,
        weight_decay=weight_decay,
        momentum=momentum,
        lr=lr * factor,
        dampening=0.0,
        nesterov=nesterov,
        maximize=False,
    )
