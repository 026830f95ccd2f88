"""Sparse networks from scratch grow by momentum."""

from lottery.config.values import Proportion
from lottery.networks.masks import Mask
from lottery.topology import Moment
from lottery.topology._drop_grow import DropSchedule, annealed
from lottery.topology._redistribute import redistribute

TRAITS = {"trace"}


def snfs(moment: Moment, *, drop_fraction: Proportion = 0.5, drop_schedule: DropSchedule = "cosine") -> Mask:
    """SNFS: layers drop their smallest weights and grow by momentum (Dettmers & Zettlemoyer 2019).

    Layers grow in proportion to the mean magnitude of their active weights' momentum, each where momentum is largest.
    The original updates once an epoch, its fraction falls to a hundredth at the end of training, and its number of
    weights drifts and is corrected later; here the fraction falls to zero at `end` and the number stays exact.

    Args:
        moment: the network, and the moving sum of its dense gradients.
        drop_fraction: share of a layer's active weights that the first updates drop.
        drop_schedule: how that share falls until the last update.
    """
    scores = {name: trace.abs() for name, trace in moment.trace.items()}
    return redistribute(moment, annealed(moment, drop_fraction, drop_schedule), moment.trace, scores)
