"""Adam and AdamW share all but where weight decay goes."""

from typing import TypedDict, Unpack

from torch import Tensor
from torch.optim.adam import adam

from lottery.optimizers import Slots, counts, slot


class Hyperparameters(TypedDict):
    """Hyperparameters have the names that torch's kernel gives them."""

    lr: float | Tensor
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    decoupled_weight_decay: bool


def step(
    weights: list[Tensor], gradients: list[Tensor], slots: Slots, **hyperparameters: Unpack[Hyperparameters]
) -> None:
    """Take one step of Adam, in place, with bias correction; slots are `mean`, `square` and `steps`."""
    mean, square = slot(slots, "mean", weights), slot(slots, "square", weights)
    steps = counts(slots, weights)
    adam(weights, gradients, mean, square, [], steps, fused=True, amsgrad=False, maximize=False, **hyperparameters)
