"""RigL rigs the lottery."""

from typing import Literal

from lottery.config.values import Proportion
from lottery.networks.masks import Mask
from lottery.topology import Moment
from lottery.topology._drop_grow import DropSchedule, annealed, exchange
from lottery.topology._redistribute import redistribute as by_importance

TRAITS = {"gradient"}


def rigl(
    moment: Moment,
    *,
    drop_fraction: Proportion = 0.3,
    drop_schedule: DropSchedule = "cosine",
    redistribute: Literal["none", "gradient"] = "none",
) -> Mask:
    """RigL: drop each layer's smallest weights, grow as many where the gradient is largest (Evci et al. 2020).

    Args:
        moment: the network, and its dense gradients at the batch of this step.
        drop_fraction: share of each layer's active weights that the first updates drop.
        drop_schedule: how that share falls until the last update.
        redistribute: how many weights layers grow: as many as they dropped (`none`), or in proportion to the mean
            magnitude of their active weights' gradients (Sundar & Dwaraknath 2021). `rigl_momentum` takes that of a
            moving sum.
    """
    fraction = annealed(moment, drop_fraction, drop_schedule)
    scores = {name: gradient.abs() for name, gradient in moment.gradients.items()}
    if redistribute == "gradient":
        return by_importance(moment, fraction, moment.gradients, scores)
    return exchange(moment, fraction, scores)
