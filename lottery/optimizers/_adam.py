"""What Adam and AdamW share: all but where weight decay goes."""

from torch import Tensor
from torch.optim.adam import adam

from lottery.optimizers import Slots, counts, slot


def step(
    weights: list[Tensor],
    gradients: list[Tensor],
    slots: Slots,
    *,
    lr: float | Tensor,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """One step of Adam, in place, with bias correction; slots `mean`, `square` and `steps`."""
    adam(
        weights,
        gradients,
        slot(slots, "mean", weights),
        slot(slots, "square", weights),
        [],
        counts(slots, weights),
        fused=True,
        decoupled_weight_decay=decoupled,
        amsgrad=False,
        beta1=betas[0],
        beta2=betas[1],
        lr=lr,
        weight_decay=weight_decay,
        eps=epsilon,
        maximize=False,
    )
