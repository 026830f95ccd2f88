"""RigL's layers grow by their momentum here, in a file of its own: it needs the trace that `rigl` doesn't."""

from lottery.config.values import Proportion
from lottery.networks.masks import Mask
from lottery.topology import Moment
from lottery.topology._drop_grow import DropSchedule, annealed
from lottery.topology._redistribute import redistribute

TRAITS = {"gradient", "trace"}


def rigl_momentum(moment: Moment, *, drop_fraction: Proportion = 0.3, drop_schedule: DropSchedule = "cosine") -> Mask:
    """RigL: grow layers in proportion to their active weights' mean momentum (Sundar & Dwaraknath 2021).

    Args:
        moment: the network, its dense gradients at the batch of this step, and their moving sum.
        drop_fraction: share of a layer's active weights that the first updates drop.
        drop_schedule: how that share falls until the last update.
    """
    scores = {name: gradient.abs() for name, gradient in moment.gradients.items()}
    return redistribute(moment, annealed(moment, drop_fraction, drop_schedule), moment.trace, scores)
