"""Adam adds weight decay to the gradient."""

from torch import Tensor

from lottery.config.values import Momentum, NonNegative, Positive
from lottery.optimizers import Slots, _adam


def adam(
    weights: list[Tensor],
    gradients: list[Tensor],
    slots: Slots,
    factor: float | Tensor,
    *,
    lr: Positive = 1e-3,
    beta_1: Momentum = 0.9,
    beta_2: Momentum = 0.999,
    epsilon: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
) -> None:
    """Take a step of Adam (Kingma & Ba 2015); weight decay is added to the gradient, of every parameter.

    Args:
        slots: `mean` and `square` of the gradients, `steps`.
        lr: learning rate.
        beta_1: of the mean.
        beta_2: of the square.
        epsilon: added to the root of the square.
        weight_decay: times the weight, added to the gradient.
    """
    _adam.step(
        weights,
        gradients,
        slots,
        lr=lr * factor,
        beta1=beta_1,
        beta2=beta_2,
        eps=epsilon,
        weight_decay=weight_decay,
        decoupled_weight_decay=False,
    )
