"""Sparse evolutionary training grows weights at random."""

from lottery.config.values import Proportion
from lottery.networks.masks import Mask
from lottery.topology import Moment
from lottery.topology._drop_grow import DropSchedule, annealed, exchange, random_scores


def set_(moment: Moment, *, drop_fraction: Proportion = 0.3, drop_schedule: DropSchedule = "cosine") -> Mask:
    """SET: drop each layer's smallest weights, grow as many at random (Mocanu et al. 2018).

    As compared with in RigL's paper (Evci et al. 2020), on the same terms as `rigl`: weights are dropped by magnitude,
    the fraction anneals, and what is grown starts at zero. The original drops the smallest positive and the largest
    negative weights, a constant fraction of 0.3 each epoch, and draws what it grows anew.

    Args:
        drop_fraction: share of each layer's active weights that the first updates drop.
        drop_schedule: how that share falls until the last update.
    """
    return exchange(moment, annealed(moment, drop_fraction, drop_schedule), random_scores(moment))
